using System.Buffers.Binary;
using Mamba.Amqp.Codec;
using Mamba.Amqp.Framing;
using Mamba.Amqp.Sasl;

namespace Mamba.Amqp.Conformance.Wire;

/// <summary>Makes bytes for the wire, well-formed and otherwise.</summary>
public static class Raw
{
    /// <summary>A frame around a body; SASL bodies make SASL frames.</summary>
    public static byte[] Frame(IAmqpEncodable body, ushort channel = 0, byte[]? payload = null)
    {
        var isSasl = body is SaslMechanisms or SaslInit or SaslChallenge or SaslResponse or SaslOutcome;
        return Frame([.. Encode(body), .. payload ?? []], channel, isSasl ? (byte)1 : (byte)0);
    }

    /// <summary>
    /// A frame around any bytes:
    /// <code>
    /// 0      4      5      6         8            4*doff
    /// | size | doff | type | channel | extended … | body … |
    /// </code>
    /// </summary>
    public static byte[] Frame(byte[] body, ushort channel = 0, byte type = 0, byte doff = 2, byte[]? extended = null, uint? size = null)
    {
        var frame = new byte[8 + (extended?.Length ?? 0) + body.Length];
        BinaryPrimitives.WriteUInt32BigEndian(frame, size ?? (uint)frame.Length);
        frame[4] = doff;
        frame[5] = type;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(6), channel);
        extended?.CopyTo(frame, 8);
        body.CopyTo(frame, frame.Length - body.Length);
        return frame;
    }

    /// <summary>A value in its smallest encoding.</summary>
    public static byte[] Encode(object? value)
    {
        using var buffer = new ByteBuffer();
        new AmqpWriter(buffer).WriteValue(value);
        return buffer.ToArray();
    }

    public static byte[] Encode(IAmqpEncodable value)
    {
        using var buffer = new ByteBuffer();
        value.Write(new AmqpWriter(buffer));
        return buffer.ToArray();
    }

    /// <summary>A described list with the fields given, in list32 encoding; byte[] inside <see cref="Verbatim"/> go as they are.</summary>
    public static byte[] Composite(ulong descriptor, params object?[] fields) => Described([0x53, (byte)descriptor], List32(fields));

    /// <summary>A described value of parts that are encoded already.</summary>
    public static byte[] Described(byte[] descriptor, byte[] value) => [0x00, .. descriptor, .. value];

    public static byte[] List32(params object?[] fields)
    {
        byte[] items = [.. fields.SelectMany(static f => f is Verbatim v ? v.Bytes : f is IAmqpEncodable e ? Encode(e) : Encode(f))];
        return [0xd0, .. U32((uint)items.Length + 4), .. U32((uint)fields.Length), .. items];
    }

    public static byte[] List8(params object?[] fields)
    {
        byte[] items = [.. fields.SelectMany(static f => f is Verbatim v ? v.Bytes : f is IAmqpEncodable e ? Encode(e) : Encode(f))];
        return [0xc0, (byte)(items.Length + 1), (byte)fields.Length, .. items];
    }

    public static byte[] U16(ushort value) => [(byte)(value >> 8), (byte)value];

    public static byte[] U32(uint value) => [(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value];

    public static byte[] U64(ulong value) => [.. U32((uint)(value >> 32)), .. U32((uint)value)];

    /// <summary>A section of a message around an encoded value.</summary>
    public static byte[] Section(byte code, byte[] value) => [0x00, 0x53, code, .. value];

    /// <summary>A header that is no protocol header of AMQP 1.0.</summary>
    public static byte[] Header(byte id, byte major, byte minor, byte revision) => [(byte)'A', (byte)'M', (byte)'Q', (byte)'P', id, major, minor, revision];

    /// <summary>A frame header of nothing but its size fields, e.g. for an empty frame on a channel.</summary>
    public static byte[] EmptyFrame(ushort channel = 0) => Frame([], channel);
}

/// <summary>A field that is encoded already.</summary>
public sealed record Verbatim(params byte[] Bytes);
