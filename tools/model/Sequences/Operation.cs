using System.Globalization;
using System.Text;
using Mamba.Tools.Model.Modelling;

namespace Mamba.Tools.Model.Sequences;

/// <summary>What an operation does. Those that find nothing to work on do nothing, so that any part of a sequence is a sequence.</summary>
internal enum OperationKind
{
    Send,
    Reply,
    Consume,
    Receive,
    ReceiveAndThrow,
    Acknowledge,
    AcknowledgeAs,
    Recover,
    Commit,
    Rollback,
    CloseConsumer,
    CloseSession,
    Browse,
    Unsubscribe,
    Purge,
    Delete,
    CreateTemporary,
    DeleteTemporary,
    Advance,
    CloseConnection,
    LoseConnection,
    Restart,
}

/// <summary>JMS acknowledgement modes; 101 is Qpid's individual one.</summary>
internal enum AckMode
{
    Auto,
    DupsOk,
    Client,
    Individual,
    Transacted,
}

/// <summary>
/// One operation of a sequence. It names what it works on by slot numbers that no other operation changes: taking one out of a
/// sequence leaves the meaning of the others.
/// </summary>
internal sealed record Operation(int Number, OperationKind Kind)
{
    /// <summary>Session slot; it belongs to connection slot <c>Session % 3</c>, and is opened when first used.</summary>
    public int Session { get; init; }

    /// <summary>How the session is opened, if this is what opens it.</summary>
    public AckMode Mode { get; init; }

    /// <summary>Consumer slot.</summary>
    public int Consumer { get; init; }

    public Destination Destination { get; init; }

    /// <summary>Place of a selector, or -1.</summary>
    public int Selector { get; init; } = -1;

    public int Prefetch { get; init; }

    /// <summary>Consumers: confirmed settlement (receiver-settle-mode second). Closing: the client's other way. Restart: without a stop.</summary>
    public bool Flag { get; init; }

    /// <summary>Sends: through the anonymous terminus. Consumers: no-local.</summary>
    public bool Other { get; init; }

    public bool Durable { get; init; }

    public byte Priority { get; init; } = 4;

    public int Ttl { get; init; }

    public int Delay { get; init; }

    public string? Group { get; init; }

    public bool ClosesGroup { get; init; }

    public string? Color { get; init; }

    public int Amount { get; init; }

    public string Type { get; init; } = "";

    public ModelOutcome Outcome { get; init; }

    /// <summary>Which of several, modulo their number; or a number of milliseconds.</summary>
    public int Which { get; init; }

    public int Connection => Session % 3;

    /// <summary>Sends: to the temporary queue, if there is one.</summary>
    public bool AsksReply { get; init; }

    public override string ToString()
    {
        var text = new StringBuilder().Append(CultureInfo.InvariantCulture, $"{Number,4}  ");
        return (Kind switch
        {
            OperationKind.Send => text.Append(CultureInfo.InvariantCulture, $"send m{Number} to {Destination} in {Name}: {SendText()}"),
            OperationKind.Reply => text.Append(CultureInfo.InvariantCulture, $"reply m{Number} to the last request of k{Consumer}: {SendText()}"),
            OperationKind.CreateTemporary => text.Append(CultureInfo.InvariantCulture, $"create {Destination} in {Name}{(Flag ? $" by consumer k{Consumer}, prefetch {Prefetch}" : "")}"),
            OperationKind.Consume => text.Append(CultureInfo.InvariantCulture, $"consumer k{Consumer} on {Destination} in {Name}, prefetch {Prefetch}{ConsumeText()}"),
            OperationKind.Receive => text.Append(CultureInfo.InvariantCulture, $"receive from k{Consumer}"),
            OperationKind.ReceiveAndThrow => text.Append(CultureInfo.InvariantCulture, $"listener of k{Consumer} throws"),
            OperationKind.Acknowledge => text.Append(CultureInfo.InvariantCulture, $"acknowledge in s{Session} (individually: no. {Which})"),
            OperationKind.AcknowledgeAs => text.Append(CultureInfo.InvariantCulture, $"acknowledge as {Outcome} in s{Session} (individually: no. {Which})"),
            OperationKind.CloseConsumer => text.Append(CultureInfo.InvariantCulture, $"close k{Consumer}{(Flag ? ", when all is acknowledged" : "")}"),
            OperationKind.CloseSession => text.Append(CultureInfo.InvariantCulture, $"close s{Session}{(Flag ? ", without a word before" : "")}"),
            OperationKind.Browse => text.Append(CultureInfo.InvariantCulture, $"browse {Destination} in {Name}{SelectorText()}"),
            OperationKind.Unsubscribe or OperationKind.Purge or OperationKind.Delete or OperationKind.DeleteTemporary => text.Append(CultureInfo.InvariantCulture, $"{Kind} {Destination}"),
            OperationKind.Advance => text.Append(CultureInfo.InvariantCulture, $"{Which} ms pass"),
            OperationKind.CloseConnection or OperationKind.LoseConnection => text.Append(CultureInfo.InvariantCulture, $"{Kind} c{Connection}"),
            OperationKind.Restart => text.Append(Flag ? "kill and restart the broker" : "stop and restart the broker"),
            _ => text.Append(CultureInfo.InvariantCulture, $"{Kind} in s{Session}"),
        }).ToString();
    }

    private string Name => $"s{Session} (c{Connection}, {Mode})";

    private string SelectorText() => Selector < 0 ? "" : $", selector \"{Modelling.Selector.All[Selector].Text}\"";

    private string ConsumeText() => $"{SelectorText()}{(Other ? ", no-local" : "")}{(Flag ? ", confirmed settlement" : "")}";

    private string SendText()
    {
        var text = new StringBuilder(Durable ? "durable" : "not durable").Append(CultureInfo.InvariantCulture, $", priority {Priority}");
        text.Append(Ttl > 0 ? $", ttl {Ttl} ms" : "").Append(Delay > 0 ? $", delay {Delay} ms" : "");
        text.Append(Group is null ? "" : $", group {Group}{(ClosesGroup ? " (closed)" : "")}");
        text.Append(CultureInfo.InvariantCulture, $", color {Color ?? "none"}, amount {Amount}, type {Type}");
        text.Append(AsksReply ? ", asks for a reply" : "");
        return text.Append(Other ? ", anonymous producer" : "").ToString();
    }
}
