using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Transport;

namespace Mamba.Amqp.Tests.Framing;

public sealed class FramingTests
{
    [Test]
    public void AnEmptyFrameIsTheEightBytesThatKeepAlive()
    {
        using var buffer = new ByteBuffer();
        FrameWriter.WriteEmpty(buffer);
        Assert.That(buffer.ToArray(), Is.EqualTo(new byte[] { 0, 0, 0, 8, 2, 0, 0, 0 }));
        Assert.That(FrameReader.TryRead(buffer.WrittenSpan, 512, out var header, out var body, out var consumed), Is.True);
        Assert.That((header.BodySize, body.Length, consumed), Is.EqualTo((0, 0, 8)));
    }

    [Test]
    public void TheExtendedHeaderIsSkipped()
    {
        byte[] bytes = [0, 0, 0, 17, 4, 0, 1, 2, 9, 9, 9, 9, 9, 9, 9, 9, 0x40];
        Assert.That(FrameReader.TryRead(bytes, 512, out var header, out var body, out _), Is.True);
        Assert.That(header, Is.EqualTo(new FrameHeader(17, 4, FrameType.Amqp, 0x0102)));
        Assert.That(body.ToArray(), Is.EqualTo(new byte[] { 0x40 }));
    }

    [Test]
    public void AFrameOfTheLargestSizePassesAndOneByteMoreIsRefusedByItsHeaderAlone()
    {
        byte[] header = [0, 0, 2, 0, 2, 0, 0, 0];
        Assert.That(FrameReader.TryRead(header, 512, out _, out _, out _), Is.False, "the rest is waited for");
        header[3] = 1;
        var failure = Assert.Throws<AmqpException>(() => FrameReader.TryRead(header, 512, out _, out _, out _));
        Assert.That(failure!.Condition, Is.EqualTo(ErrorCondition.FramingError));
        Assert.That(failure.Message, Does.Contain("513").And.Contain("512"));
    }

    [Test]
    public void FramesFollowOneAnother()
    {
        using var buffer = new ByteBuffer();
        var first = FrameWriter.Write(buffer, 7, new End());
        var second = FrameWriter.Write(buffer, 8, new Transfer { Handle = 1 }, "payload"u8);
        Assert.That(buffer.Length, Is.EqualTo(first + second));
        FrameReader.TryRead(buffer.WrittenSpan, 512, out var header, out _, out var consumed);
        Assert.That((header.Channel, consumed), Is.EqualTo(((ushort)7, first)));
        FrameReader.TryRead(buffer.WrittenSpan[consumed..], 512, out header, out var body, out _);
        var reader = new AmqpReader(body);
        Assert.That(Transfer.Read(ref reader).Handle, Is.EqualTo(1));
        Assert.That(reader.Rest.ToArray(), Is.EqualTo("payload"u8.ToArray()));
    }

    [TestCase("414d515000010000", 0)]
    [TestCase("414d515003010000", 3)]
    [TestCase("414d515002010000", 2)]
    public void ProtocolHeadersAreReadAndWritten(string hex, byte id)
    {
        var bytes = Convert.FromHexString(hex);
        Assert.That(ProtocolHeader.TryParse(bytes, out var header), Is.True);
        Assert.That(header, Is.EqualTo(new ProtocolHeader(id, 1, 0, 0)));
        using var buffer = new ByteBuffer();
        header.Write(buffer);
        Assert.That(buffer.ToArray(), Is.EqualTo(bytes));
    }

    [Test]
    public void SomethingElseThanAmqpIsSeenByItsFirstByte()
    {
        Assert.That(ProtocolHeader.CouldBe("GET "u8), Is.False);
        Assert.That(ProtocolHeader.CouldBe("AM"u8), Is.True);
        Assert.That(ProtocolHeader.TryParse("AMQP\0"u8, out _), Is.False);
        Assert.That(ProtocolHeader.TryParse("HTTP/1.1"u8, out _), Is.False);
    }

    [Test]
    public void ABufferGrowsPatchesAndIsReusable()
    {
        var buffer = new ByteBuffer(16);
        for (var i = 0; i < 10_000; i++)
        {
            buffer.WriteByte((byte)i);
        }

        buffer.PatchUInt32(0, 0x01020304);
        Assert.That(buffer.WrittenSpan[..6].ToArray(), Is.EqualTo(new byte[] { 1, 2, 3, 4, 4, 5 }));
        buffer.GetSpan(5)[0] = 42;
        buffer.Advance(1);
        Assert.That((buffer.Length, buffer.WrittenSpan[^1]), Is.EqualTo((10_001, (byte)42)));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Advance(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Truncate(10_002));
        buffer.Dispose();
        Assert.That(buffer.Length, Is.Zero);
        buffer.WriteByte(1);
        Assert.That(buffer.ToArray(), Is.EqualTo(new byte[] { 1 }));
        buffer.Dispose();
    }
}
