using System.Text;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Tests.Codec;

/// <summary>Every encoding of AMQP 1.0 §1.6, byte for byte. Canonical vectors are the smallest encoding, which the writer must choose.</summary>
public sealed class EncodingVectorTests
{
    public static IEnumerable<TestCaseData> Vectors =>
        Primitives().Concat(Texts()).Concat(Compounds()).Concat(Arrays())
            .Select(static v => new TestCaseData(v.Hex, v.Value, v.Canonical).SetArgDisplayNames(v.Hex.Length > 60 ? v.Hex[..60] + "…" : v.Hex));

    [TestCaseSource(nameof(Vectors))]
    public void Reads(string hex, object? value, bool canonical)
    {
        var bytes = FromHex(hex);
        var reader = new AmqpReader(bytes);
        var read = reader.ReadValue();
        Assert.That(AmqpValue.Equals(read, value), Is.True, $"read {AmqpValue.ToString(read)}, expected {AmqpValue.ToString(value)}");
        Assert.That(reader.AtEnd, Is.True);
    }

    [TestCaseSource(nameof(Vectors))]
    public void WritesTheCanonicalFormOrOneAsShort(string hex, object? value, bool canonical)
    {
        using var buffer = new ByteBuffer();
        new AmqpWriter(buffer).WriteValue(value);
        if (canonical)
        {
            Assert.That(Convert.ToHexStringLower(buffer.WrittenSpan), Is.EqualTo(hex.Replace(" ", "", StringComparison.Ordinal)));
        }
        else
        {
            Assert.That(buffer.Length, Is.LessThanOrEqualTo(FromHex(hex).Length));
        }
    }

    [TestCaseSource(nameof(Vectors))]
    public void IsWalkedOverWhole(string hex, object? value, bool canonical)
    {
        var bytes = FromHex(hex);
        var deep = new AmqpReader(bytes);
        Assert.That(deep.ReadEncoded().Length, Is.EqualTo(bytes.Length));
        var shallow = new AmqpReader(bytes);
        shallow.SkipShallow();
        Assert.That(shallow.AtEnd, Is.True);
    }

    [TestCaseSource(nameof(Vectors))]
    public void IsRefusedWhenCutAnywhere(string hex, object? value, bool canonical)
    {
        var bytes = FromHex(hex);
        for (var length = 0; length < bytes.Length; length++)
        {
            var cut = bytes[..length];
            var read = Assert.Throws<AmqpException>(() => new AmqpReader(cut).ReadValue());
            Assert.That(read!.Condition, Is.EqualTo(ErrorCondition.DecodeError));
            var walked = Assert.Throws<AmqpException>(() => new AmqpReader(cut).Skip());
            Assert.That(walked!.Condition, Is.EqualTo(ErrorCondition.DecodeError));
        }
    }

    [Test]
    public void CoverEveryFormatCodeOfTheSpecification()
    {
        var codes = typeof(FormatCode).GetFields().Select(static f => (byte)f.GetRawConstantValue()!).ToList();
        var covered = Primitives().Concat(Texts()).Concat(Compounds()).Concat(Arrays()).Select(static v => FromHex(v.Hex)[0]).ToHashSet();
        Assert.That(codes, Has.Count.EqualTo(40));
        Assert.That(codes.Where(code => !covered.Contains(code)), Is.Empty);
    }

    private static IEnumerable<(string Hex, object? Value, bool Canonical)> Primitives()
    {
        yield return ("40", null, true);
        yield return ("41", true, true);
        yield return ("42", false, true);
        yield return ("56 00", false, false);
        yield return ("56 01", true, false);
        yield return ("50 00", (byte)0, true);
        yield return ("50 ff", (byte)255, true);
        yield return ("60 0000", (ushort)0, true);
        yield return ("60 ffff", ushort.MaxValue, true);
        yield return ("43", 0u, true);
        yield return ("52 01", 1u, true);
        yield return ("52 ff", 255u, true);
        yield return ("52 00", 0u, false);
        yield return ("70 00000100", 256u, true);
        yield return ("70 ffffffff", uint.MaxValue, true);
        yield return ("70 00000000", 0u, false);
        yield return ("44", 0ul, true);
        yield return ("53 01", 1ul, true);
        yield return ("53 ff", 255ul, true);
        yield return ("80 0000000000000100", 256ul, true);
        yield return ("80 ffffffffffffffff", ulong.MaxValue, true);
        yield return ("80 0000000000000007", 7ul, false);
        yield return ("51 80", sbyte.MinValue, true);
        yield return ("51 7f", sbyte.MaxValue, true);
        yield return ("61 8000", short.MinValue, true);
        yield return ("61 7fff", short.MaxValue, true);
        yield return ("54 80", -128, true);
        yield return ("54 7f", 127, true);
        yield return ("71 ffffff7f", -129, true);
        yield return ("71 00000080", 128, true);
        yield return ("71 80000000", int.MinValue, true);
        yield return ("71 00000001", 1, false);
        yield return ("55 80", -128L, true);
        yield return ("55 7f", 127L, true);
        yield return ("81 ffffffffffffff7f", -129L, true);
        yield return ("81 8000000000000000", long.MinValue, true);
        yield return ("81 0000000000000001", 1L, false);
        yield return ("72 3f800000", 1.0f, true);
        yield return ("72 7fc00001", BitConverter.UInt32BitsToSingle(0x7fc00001), true);
        yield return ("82 bff0000000000000", -1.0, true);
        yield return ("82 8000000000000000", -0.0, true);
        yield return ("74 22500001", new Decimal32(0x22500001), true);
        yield return ("84 2234000000000001", new Decimal64(0x2234000000000001), true);
        yield return ("94 2208000000000000 0000000000000001", new Decimal128(0x2208000000000000, 1), true);
        yield return ("73 00000041", new Rune('A'), true);
        yield return ("73 0001f40d", new Rune(0x1f40d), true);
        yield return ("83 0000000000000000", new Timestamp(0), true);
        yield return ("83 0000016b84a37c00", new Timestamp(0x16b84a37c00), true);
        yield return ("83 ffffffffffffffff", new Timestamp(-1), true);
        yield return ("98 00112233 4455 6677 8899aabbccddeeff", Guid.Parse("00112233-4455-6677-8899-aabbccddeeff"), true);
    }

    private static IEnumerable<(string Hex, object? Value, bool Canonical)> Texts()
    {
        yield return ("a0 00", Array.Empty<byte>(), true);
        yield return ("a0 02 cafe", new byte[] { 0xca, 0xfe }, true);
        yield return ("b0 00000001 2a", new byte[] { 42 }, false);
        yield return ("a0 ff" + Hex(255), new byte[255].Select(static _ => (byte)'x').ToArray(), true);
        yield return ("b0 00000100" + Hex(256), new byte[256].Select(static _ => (byte)'x').ToArray(), true);
        yield return ("a1 00", "", true);
        yield return ("a1 05 68656c6c6f", "hello", true);
        yield return ("a1 06 c3a9 f09f908d", "é🐍", true);
        yield return ("b1 00000002 6869", "hi", false);
        yield return ("a1 ff" + Hex(255), new string('x', 255), true);
        yield return ("b1 00000100" + Hex(256), new string('x', 256), true);
        yield return ("a3 00", new Symbol(""), true);
        yield return ("a3 0d 616d71703a6163636570746564", new Symbol("amqp:accepted"), true);
        yield return ("b3 00000003 616263", new Symbol("abc"), false);
        yield return ("a3 ff" + Hex(255), new Symbol(new string('x', 255)), true);
        yield return ("b3 00000100" + Hex(256), new Symbol(new string('x', 256)), true);
    }

    private static IEnumerable<(string Hex, object? Value, bool Canonical)> Compounds()
    {
        yield return ("45", new List<object?>(), true);
        yield return ("c0 01 00", new List<object?>(), false);
        yield return ("d0 00000004 00000000", new List<object?>(), false);
        yield return ("c0 04 02 40 50 07", new List<object?> { null, (byte)7 }, true);
        yield return ("d0 00000006 00000002 41 43", new List<object?> { true, 0u }, false);
        yield return ("c0 ff fe" + Repeat("40", 254), Enumerable.Repeat<object?>(null, 254).ToList(), true);
        yield return ("d0 00000103 000000ff" + Repeat("40", 255), Enumerable.Repeat<object?>(null, 255).ToList(), true);
        yield return ("c1 01 00", new AmqpMap(), true);
        yield return ("d1 00000004 00000000", new AmqpMap(), false);
        yield return ("c1 06 02 a3 01 6b 54 05", new AmqpMap { [new Symbol("k")] = 5 }, true);
        yield return ("d1 00000009 00000002 a1 01 6b 54 05", new AmqpMap { ["k"] = 5 }, false);
        yield return ("00 53 24 45", new DescribedValue(0x24ul, new List<object?>()), true);
        yield return ("00 80 0000468c00000004 a1 05 61203d2031",
            new DescribedValue(0x0000468c00000004ul, "a = 1"), true);
        yield return ("00 a3 01 78 40", new DescribedValue(new Symbol("x"), null), true);
        yield return ("00 53 01 00 53 02 41", new DescribedValue(1ul, new DescribedValue(2ul, true)), true);
    }

    private static IEnumerable<(string Hex, object? Value, bool Canonical)> Arrays()
    {
        yield return ("e0 08 02 a3 01 61 03 626364", new AmqpArray(new Symbol[] { "a", "bcd" }), true);
        yield return ("f0 0000000e 00000002 b3 00000001 61 00000000", new AmqpArray(new Symbol[] { "a", "" }), false);
        yield return ("e0 04 02 50 01 02", new AmqpArray(new byte[] { 1, 2 }), true);
        yield return ("e0 04 02 51 ff 02", new AmqpArray(new sbyte[] { -1, 2 }), true);
        yield return ("e0 04 02 56 01 00", new AmqpArray(new[] { true, false }), true);
        yield return ("e0 06 02 60 0001 0002", new AmqpArray(new ushort[] { 1, 2 }), true);
        yield return ("e0 04 01 61 fffe", new AmqpArray(new short[] { -2 }), true);
        yield return ("e0 04 02 52 01 02", new AmqpArray(new uint[] { 1, 2 }), true);
        yield return ("e0 0a 02 70 00000001 00000100", new AmqpArray(new uint[] { 1, 256 }), true);
        yield return ("e0 03 01 53 07", new AmqpArray(new ulong[] { 7 }), true);
        yield return ("e0 0a 01 80 0000000000000100", new AmqpArray(new ulong[] { 256 }), true);
        yield return ("e0 03 01 54 ff", new AmqpArray(new[] { -1 }), true);
        yield return ("e0 06 01 71 00000080", new AmqpArray(new[] { 128 }), true);
        yield return ("e0 03 01 55 ff", new AmqpArray(new[] { -1L }), true);
        yield return ("e0 0a 01 81 0000000000000080", new AmqpArray(new[] { 128L }), true);
        yield return ("e0 06 01 72 3f800000", new AmqpArray(new[] { 1f }), true);
        yield return ("e0 0a 01 82 3ff0000000000000", new AmqpArray(new[] { 1d }), true);
        yield return ("e0 06 01 74 00000001", new AmqpArray(new[] { new Decimal32(1) }), true);
        yield return ("e0 0a 01 84 0000000000000001", new AmqpArray(new[] { new Decimal64(1) }), true);
        yield return ("e0 12 01 94 0000000000000001 0000000000000002", new AmqpArray(new[] { new Decimal128(1, 2) }), true);
        yield return ("e0 06 01 73 00000041", new AmqpArray(new[] { new Rune('A') }), true);
        yield return ("e0 0a 01 83 0000000000000001", new AmqpArray(new[] { new Timestamp(1) }), true);
        yield return ("e0 12 01 98 00112233445566778899aabbccddeeff", new AmqpArray(new[] { Guid.Parse("00112233-4455-6677-8899-aabbccddeeff") }), true);
        yield return ("e0 05 02 a0 00 01 2a", new AmqpArray(new[] { [], new byte[] { 42 } }), true);
        yield return ("e0 05 02 a1 01 61 00", new AmqpArray(new[] { "a", "" }), true);
        yield return ("e0 02 00 40", new AmqpArray(Array.Empty<object>()), true);
        yield return ("e0 02 00 a3", new AmqpArray(Array.Empty<Symbol>()), true);
        yield return ("e0 02 00 43", new AmqpArray(Array.Empty<uint>()), false);
        yield return ("e0 06 01 00 53 01 50 09", new AmqpArray(new byte[] { 9 }, 1ul), true);
        yield return ("e0 0b 01 d0 00000005 00000001 40", new AmqpArray(new[] { new List<object?> { null } }), false);
        yield return ("e0 05 01 c0 02 01 40", new AmqpArray(new[] { new List<object?> { null } }), true);
        yield return ("e0 0c 01 d1 00000006 00000002 43 40", new AmqpArray(new[] { new AmqpMap { [0u] = null } }), false);
        yield return ("e0 06 01 c1 03 02 43 40", new AmqpArray(new[] { new AmqpMap { [0u] = null } }), true);
        yield return ("e0 0c 01 f0 00000006 00000001 50 05", new AmqpArray(new[] { new AmqpArray(new byte[] { 5 }) }), false);
        yield return ("e0 06 01 e0 03 01 50 05", new AmqpArray(new[] { new AmqpArray(new byte[] { 5 }) }), true);
        yield return ("f0 00000113 00000001 d0 0000010a 00000002 40 b1 00000100" + Hex(256),
            new AmqpArray(new[] { new List<object?> { null, new string('x', 256) } }), true);
        yield return ("e0 ff fd 50" + Repeat("61", 253), new AmqpArray(new byte[253].Select(static _ => (byte)0x61).ToArray()), true);
        yield return ("f0 00000103 000000fe 50" + Repeat("61", 254), new AmqpArray(new byte[254].Select(static _ => (byte)0x61).ToArray()), true);
    }

    private static string Hex(int count) => Repeat("78", count);

    private static string Repeat(string hex, int times) => string.Concat(Enumerable.Repeat(hex, times));

    private static byte[] FromHex(string hex) => Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal));
}
