using Mamba.Amqp.Client;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Jms;

/// <summary>A temporary queue or topic. It lives as long as the link that made it, or that took it over after its connection was lost.</summary>
internal sealed class JmsTemporary(Destination target, string address, int slot)
{
    public Destination Destination => target;

    public string Address => address;

    /// <summary>The connection slot whose client id it belongs to.</summary>
    public int Slot => slot;

    /// <summary>The link whose end is its end; null while its connection is lost.</summary>
    public AmqpLink? Link { get; private set; }

    /// <summary>The connection of that link.</summary>
    public JmsConnection? Connection { get; private set; }

    /// <summary>The consumer that has that link, when it is one's.</summary>
    public JmsConsumer? Consumer { get; private set; }

    /// <summary>By which the broker knows who comes back.</summary>
    public string LinkName { get; private set; } = "";

    /// <summary>Made by a link with a dynamic source, as opposed to a dynamic target.</summary>
    public bool IsSource { get; private set; }

    /// <summary>Unix milliseconds until which it waits for its client.</summary>
    public long KeptUntil { get; private set; }

    public void BelongTo(AmqpLink link, JmsConnection connection, JmsConsumer? consumer)
    {
        (Link, Connection, Consumer, LinkName, IsSource) = (link, connection, consumer, link.Name, link is AmqpReceiver);
    }

    public void Lose(long keptUntil) => (Link, Connection, Consumer, KeptUntil) = (null, null, null, keptUntil);
}
