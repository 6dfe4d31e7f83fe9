using Mamba.Amqp.Codec;

namespace Mamba.Amqp.Messaging;

/// <summary>Reads message-ids and correlation-ids: ulong, uuid, binary or string (AMQP 1.0 §3.2.11 to §3.2.14).</summary>
public static class MessageIdCodec
{
    /// <summary>Reads an id as <see cref="ulong"/>, <see cref="Guid"/>, byte[] or <see cref="string"/>.</summary>
    public static object Read(ref AmqpReader reader) => reader.PeekCode() switch
    {
        FormatCode.String8 or FormatCode.String32 => reader.ReadString(),
        FormatCode.ULong0 or FormatCode.SmallULong or FormatCode.ULong => reader.ReadULong(),
        FormatCode.Uuid => reader.ReadUuid(),
        FormatCode.Binary8 or FormatCode.Binary32 => reader.ReadBinary(),
        var code => throw reader.Malformed($"a message-id of format code 0x{code:x2}; ulong, uuid, binary and string are legal"),
    };
}
