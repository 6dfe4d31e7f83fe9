using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>Whose state a terminus is. All strings as the peer wrote them.</summary>
/// <param name="Container">The peer's container-id.</param>
/// <param name="User">Who the peer is.</param>
/// <param name="Link">The link's name.</param>
/// <param name="Incoming">True when messages come in on the link.</param>
public sealed record TerminusKey(string Container, string User, string Link, bool Incoming);

/// <summary>
/// A terminus whose unsettled state outlives the broker, as the journal knows it.
/// <code>
///   define terminus      | 11 | id u32 | incoming u8 | queue id u32 | container | user | link | settings |
///     queue id           | outgoing: the queue whose messages it holds; incoming: 0
///     settings           | bytes that only the front-end understands
/// </code>
/// What came in on it and is not settled lies on a queue with the terminus' own id: each delivery-tag is a message there, enqueued in
/// the record that enqueues the message itself, and removed when the sender has settled.
/// </summary>
internal sealed record TerminusDefinition(uint Id, TerminusKey Key, uint QueueId, ReadOnlyMemory<byte> Settings)
{
    public void Write(JournalBatch batch)
    {
        DefinitionOperation.WriteByte(batch, (byte)OperationKind.DefineTerminus);
        DefinitionOperation.WriteUInt32(batch, Id);
        DefinitionOperation.WriteByte(batch, Key.Incoming ? (byte)1 : (byte)0);
        DefinitionOperation.WriteUInt32(batch, QueueId);
        DefinitionOperation.WriteString(batch, Key.Container);
        DefinitionOperation.WriteString(batch, Key.User);
        DefinitionOperation.WriteString(batch, Key.Link);
        DefinitionOperation.WriteBytes(batch, Settings.Span);
    }

    /// <summary>Reads a definition behind its operation byte and moves the span on.</summary>
    public static TerminusDefinition Read(ref ReadOnlySpan<byte> span)
    {
        var id = DefinitionOperation.ReadUInt32(ref span);
        var incoming = DefinitionOperation.ReadByte(ref span) != 0;
        var queue = DefinitionOperation.ReadUInt32(ref span);
        var container = DefinitionOperation.ReadString(ref span) ?? string.Empty;
        var user = DefinitionOperation.ReadString(ref span) ?? string.Empty;
        var link = DefinitionOperation.ReadString(ref span) ?? string.Empty;
        return new TerminusDefinition(id, new TerminusKey(container, user, link, incoming), queue, DefinitionOperation.ReadBytes(ref span));
    }
}
