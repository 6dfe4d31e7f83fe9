using System.Diagnostics;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Tests.Codec;

/// <summary>Properties over the whole type system: what is written is read back equal, and random bytes do no harm.</summary>
public sealed class RoundTripTests
{
    private static readonly Gen<object?> Scalars = Gen.OneOf(
        Gen.Constant<object?>(null),
        Boxed<bool>(), Boxed<byte>(), Boxed<sbyte>(), Boxed<ushort>(), Boxed<short>(), Boxed<uint>(), Boxed<int>(), Boxed<ulong>(), Boxed<long>(),
        Boxed<float>(), Boxed<double>(), Boxed<Guid>(),
        Of<uint>().Select(static v => (object?)new Decimal32(v)),
        Of<ulong>().Select(static v => (object?)new Decimal64(v)),
        Of<ulong>().Two().Select(static v => (object?)new Decimal128(v.Item1, v.Item2)),
        Of<long>().Select(static v => (object?)new Timestamp(v)),
        Runes().Select(static v => (object?)v),
        Binaries().Select(static v => (object?)v),
        Texts().Select(static v => (object?)v),
        Symbols().Select(static v => (object?)v));

    private static readonly Arbitrary<object?> Values = Gen.Sized(Value).ToArbitrary();

    [Test]
    public void WhatIsWrittenIsReadBackEqual() => Check(Prop.ForAll(Values, value =>
    {
        using var buffer = new ByteBuffer();
        new AmqpWriter(buffer).WriteValue(value);
        var reader = new AmqpReader(buffer.WrittenSpan);
        var read = reader.ReadValue();
        Assert.That(reader.AtEnd, Is.True);
        Assert.That(AmqpValue.Equals(read, value), Is.True, $"wrote {AmqpValue.ToString(value)}, read {AmqpValue.ToString(read)}");
        Assert.That(AmqpValue.GetHashCode(read), Is.EqualTo(AmqpValue.GetHashCode(value)));

        using var again = new ByteBuffer();
        new AmqpWriter(again).WriteValue(read);
        Assert.That(again.WrittenSpan.SequenceEqual(buffer.WrittenSpan), Is.True, "writing what was read gives other bytes");
    }), 5_000);

    [Test]
    public void WalkingOverSeesWhatReadingSees() => Check(Prop.ForAll(Values, value =>
    {
        using var buffer = new ByteBuffer();
        new AmqpWriter(buffer).WriteValue(value);
        var reading = new AmqpReader(buffer.WrittenSpan);
        reading.ReadValue();
        var walking = new AmqpReader(buffer.WrittenSpan);
        walking.Skip();
        Assert.That(walking.Position, Is.EqualTo(reading.Position));
        Assert.That(walking.ValuesLeft, Is.EqualTo(reading.ValuesLeft));
    }), 2_000);

    [Test]
    public void AWrittenValueWithBytesChangedIsReadOrRefusedAlikeByReadingAndWalking() =>
        Check(Prop.ForAll(Values, Gen.Choose(0, int.MaxValue).ToArbitrary(), (value, seed) =>
        {
            using var buffer = new ByteBuffer();
            new AmqpWriter(buffer).WriteValue(value);
            var bytes = buffer.ToArray();
            var random = new System.Random(seed);
            for (var i = random.Next(1, 4); i > 0; i--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            AssertHarmless(bytes);
        }), 5_000);

    [Test]
    public void RandomBytesAreReadOrRefused() => Check(Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
    {
        var random = new System.Random(seed);
        var bytes = new byte[random.Next(1, 2_048)];
        random.NextBytes(bytes);
        // Most random bytes fail at once: begin with a compound more often than not.
        ReadOnlySpan<byte> likely = [0xc0, 0xc1, 0xd0, 0xd1, 0xe0, 0xf0, 0x00, 0x45];
        bytes[0] = random.Next(4) == 0 ? bytes[0] : likely[random.Next(likely.Length)];
        AssertHarmless(bytes);
    }), 10_000);

    [Test]
    public void RandomFrameBodiesAreReadOrRefused() => Check(Prop.ForAll(Gen.Choose(0, int.MaxValue).ToArbitrary(), seed =>
    {
        var random = new System.Random(seed);
        var bytes = new byte[random.Next(5, 512)];
        random.NextBytes(bytes);
        bytes[0] = 0x00;
        bytes[1] = 0x53;
        bytes[2] = (byte)(random.Next(2) == 0 ? random.Next(0x10, 0x19) : random.Next(0x40, 0x45));
        bytes[3] = 0xc0;
        bytes[4] = (byte)Math.Min(255, bytes.Length - 5);
        var sasl = bytes[2] >= 0x40;
        Assert.That(() => Refuses(() =>
        {
            var reader = new AmqpReader(bytes);
            _ = sasl ? PerformativeCodec.ReadSasl(ref reader) : PerformativeCodec.Read(ref reader);
        }), Throws.Nothing);
        Assert.That(Refuses(() => MessageScanner.Scan(bytes)), Is.True, "a performative is no message");
    }), 10_000);

    [Test]
    public void StringsOfAnyLengthAroundTheBoundariesSurvive([Range(80, 90)] int units, [Values("x", "é", "字")] string letter)
    {
        foreach (var length in new[] { units, units * 3, 255 / Encoding.UTF8.GetByteCount(letter), 256 })
        {
            var text = string.Concat(Enumerable.Repeat(letter, length));
            using var buffer = new ByteBuffer();
            new AmqpWriter(buffer).WriteString(text);
            var reader = new AmqpReader(buffer.WrittenSpan);
            Assert.That(reader.ReadString(), Is.EqualTo(text));
            Assert.That(reader.AtEnd, Is.True);
        }
    }

    /// <summary>Reading and walking either both succeed or both refuse, with nothing but an AMQP error, and within bounds.</summary>
    private static void AssertHarmless(byte[] bytes)
    {
        var before = GC.GetAllocatedBytesForCurrentThread();
        var started = Stopwatch.GetTimestamp();
        var refusedByReading = Refuses(() => new AmqpReader(bytes).ReadValue());
        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        var elapsed = Stopwatch.GetElapsedTime(started);
        var refusedByWalking = Refuses(() => new AmqpReader(bytes).Skip());

        Assert.That(refusedByWalking, Is.EqualTo(refusedByReading), $"refused by reading and by walking: {Convert.ToHexStringLower(bytes)}");
        Assert.That(allocated, Is.LessThanOrEqualTo(4 * bytes.Length + 64 * 1024), "bytes allocated");
        Assert.That(elapsed, Is.LessThan(TimeSpan.FromSeconds(1)));
    }

    private static bool Refuses(Action decode)
    {
        try
        {
            decode();
            return false;
        }
        catch (AmqpException)
        {
            return true;
        }
    }

    private static void Check(Property property, int tests) =>
        property.Check(Config.QuickThrowOnFailure.WithMaxTest(tests).WithEndSize(60));

    private static Gen<T> Of<T>() => ArbMap.Default.GeneratorFor<T>();

    private static Gen<object?> Boxed<T>() => Of<T>().Select(static v => (object?)v);

    private static Gen<Rune> Runes() =>
        Gen.OneOf(Gen.Choose(0, 0xd7ff), Gen.Choose(0xe000, 0x10ffff)).Select(static v => new Rune(v));

    private static Gen<byte[]> Binaries() => Lengths().SelectMany(static n => Of<byte>().ArrayOf(n));

    private static Gen<string> Texts() => Lengths().SelectMany(static n => Runes().ArrayOf(n)).Select(static v => string.Concat(v));

    private static Gen<Symbol> Symbols() =>
        Lengths().SelectMany(static n => Gen.Choose(0, 127).ArrayOf(n)).Select(static v => new Symbol(string.Concat(v.Select(static c => (char)c))));

    // Short ones mostly, and now and then one around the boundary between the two widths of size.
    private static Gen<int> Lengths() => Gen.Frequency((12, Gen.Choose(0, 12)), (1, Gen.Choose(253, 258)));

    private static Gen<object?> Value(int size) => size < 4
        ? Scalars
        : Gen.Frequency(
            (6, Scalars),
            (2, Items(size).Select(static v => (object?)v)),
            (2, Maps(size).Select(static v => (object?)v)),
            (2, Arrays(size).Select(static v => (object?)v)),
            (1, Described(size)));

    private static Gen<List<object?>> Items(int size) =>
        Gen.Choose(0, 6).SelectMany(n => Value(size / 3).ArrayOf(n)).Select(static v => v.ToList());

    private static Gen<AmqpMap> Maps(int size) =>
        Gen.Choose(0, 20).SelectMany(n => Scalars.Where(static v => v is not null).Zip(Value(size / 4)).ArrayOf(n)).Select(static pairs =>
        {
            var map = new AmqpMap();
            foreach (var (key, value) in pairs)
            {
                map.TryAdd(key!, value);
            }

            return map;
        });

    private static Gen<object?> Described(int size) =>
        Gen.OneOf(Of<ulong>().Select(static v => (object)v), Symbols().Select(static v => (object)v)).Zip(Value(size / 2))
            .Select(static v => (object?)new DescribedValue(v.Item1, v.Item2));

    private static Gen<AmqpArray> Arrays(int size) => Gen.OneOf(
        ArraysOf(Of<bool>()), ArraysOf(Of<byte>()), ArraysOf(Of<sbyte>()), ArraysOf(Of<ushort>()), ArraysOf(Of<short>()), ArraysOf(Of<uint>()),
        ArraysOf(Of<int>()), ArraysOf(Of<ulong>()), ArraysOf(Of<long>()), ArraysOf(Of<float>()), ArraysOf(Of<double>()), ArraysOf(Of<Guid>()),
        ArraysOf(Of<uint>().Select(static v => new Decimal32(v))), ArraysOf(Of<ulong>().Select(static v => new Decimal64(v))),
        ArraysOf(Of<ulong>().Select(static v => new Decimal128(v, ~v))), ArraysOf(Of<long>().Select(static v => new Timestamp(v))),
        ArraysOf(Runes()), ArraysOf(Binaries()), ArraysOf(Texts()), ArraysOf(Symbols()),
        ArraysOf(Items(size / 2)), ArraysOf(Maps(size / 2)),
        size < 4 ? ArraysOf(Of<byte>()) : ArraysOf(Arrays(size / 3)));

    private static Gen<AmqpArray> ArraysOf<T>(Gen<T> elements) =>
        Gen.Choose(0, 9).SelectMany(n => elements.ArrayOf(n)).Zip(Gen.Elements<object?>(null, null, 7ul, new Symbol("d")))
            .Select(static v => new AmqpArray(v.Item1, v.Item2));
}
