using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Mamba.Tools.Crash;

/// <summary>Which message it is: who sent it and its number there. A moved message keeps the identity of the one it came from.</summary>
internal readonly record struct MessageIdentity(int Producer, long Sequence);

/// <summary>
/// The body of every message: <c>producer(4) sequence(8) padding(n) SHA-256(32) over all before and the queue's name</c>, so that a
/// body that was altered, mixed up or stored on another queue is recognised.
/// </summary>
internal static class MessagePayload
{
    private const int HeaderSize = 12;
    private const int HashSize = 32;

    public static byte[] Create(MessageIdentity identity, string queue, int padding)
    {
        var body = new byte[HeaderSize + padding + HashSize];
        BinaryPrimitives.WriteInt32BigEndian(body, identity.Producer);
        BinaryPrimitives.WriteInt64BigEndian(body.AsSpan(4), identity.Sequence);
        new Random((int)identity.Sequence).NextBytes(body.AsSpan(HeaderSize, padding));
        Hash(body.AsSpan(0, HeaderSize + padding), queue).CopyTo(body, HeaderSize + padding);
        return body;
    }

    /// <summary>The identity, or null when the body is not one of ours for this queue.</summary>
    public static MessageIdentity? Read(ReadOnlySpan<byte> body, string queue)
    {
        if (body.Length < HeaderSize + HashSize || !Hash(body[..^HashSize], queue).AsSpan().SequenceEqual(body[^HashSize..]))
        {
            return null;
        }

        return new MessageIdentity(BinaryPrimitives.ReadInt32BigEndian(body), BinaryPrimitives.ReadInt64BigEndian(body[4..]));
    }

    private static byte[] Hash(ReadOnlySpan<byte> content, string queue)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(content);
        hash.AppendData(Encoding.UTF8.GetBytes(queue));
        return hash.GetHashAndReset();
    }
}
