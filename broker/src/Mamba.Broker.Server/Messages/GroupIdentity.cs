using Mamba.Amqp.Messaging;
using Mamba.Broker.Engine;

namespace Mamba.Broker.Server.Messages;

/// <summary>
/// The group of a message: properties.group-id (JMSXGroupID) as a 32-bit FNV-1a hash, which is what the journal keeps. A
/// group-sequence of -1 (JMSXGroupSeq, 4,294,967,295 on the wire) closes the group, as JMS brokers read it.
/// </summary>
internal static class GroupIdentity
{
    private const uint ClosingSequence = uint.MaxValue;

    public static void Apply(StoredMessage message, ReadOnlySpan<byte> properties)
    {
        var view = new PropertiesView(properties);
        var name = view.GroupIdUtf8;
        if (!name.IsEmpty)
        {
            message.GroupKey = KeyOf(name);
            message.ClosesGroup = view.GroupSequence == ClosingSequence;
        }
    }

    /// <summary>Never 0, which stands for no group.</summary>
    public static uint KeyOf(ReadOnlySpan<byte> name)
    {
        var hash = 2_166_136_261u;
        foreach (var character in name)
        {
            hash = unchecked((hash ^ character) * 16_777_619u);
        }

        return hash == 0 ? 1 : hash;
    }
}
