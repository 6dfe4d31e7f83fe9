using System.Buffers.Binary;

namespace Mamba.Broker.Engine.Tests.Duplicates;

/// <summary>Against what OpenSSL computes: SIPHASH, size 16, key 00 to 0f, input 00, 01, 02 and so on.</summary>
internal sealed class SipHash128Tests
{
    [TestCase(8, "3B62A9BA6258F5610F83E264F31497B4")]
    [TestCase(15, "5493E99933B0A8117E08EC0F97CFC3D9")]
    [TestCase(16, "6EE2A4CA67B054BBFD3315BF85230577")]
    [TestCase(31, "2939B0183223FAFC1723DE4F52C43D35")]
    public void Hashes_as_others_do(int length, string expected)
    {
        var input = Enumerable.Range(0, length).Select(static i => (byte)i).ToArray();
        var hash = new SipHash128(0x0706050403020100, 0x0f0e0d0c0b0a0908).Of(BinaryPrimitives.ReadUInt64LittleEndian(input), input.AsSpan(8));
        var bytes = new byte[16];
        BinaryPrimitives.WriteUInt128LittleEndian(bytes, hash);
        Assert.That(Convert.ToHexString(bytes), Is.EqualTo(expected));
    }

    [Test]
    public void The_kind_the_value_and_the_key_all_matter()
    {
        var hash = new SipHash128(1, 2);
        UInt128[] all = [hash.Of(0xa1, "abc"u8), hash.Of(0xa0, "abc"u8), hash.Of(0xa1, "abd"u8), hash.Of(0xa1, "abc\0"u8), new SipHash128(1, 3).Of(0xa1, "abc"u8)];
        Assert.That(all, Is.Unique);
    }
}
