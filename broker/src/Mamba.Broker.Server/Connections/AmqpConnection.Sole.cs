using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Management;

namespace Mamba.Broker.Server.Connections;

// Being the only connection of a container (AMQP sole connection 1.0): who comes second is refused, unless it may and wants to close
// the first, or the first is a ghost, whose peer's machine does not even acknowledge bytes any more. JMS clients always ask to be sole,
// and one that lost its network comes back long before the idle timeout ends what it left behind.
internal sealed partial class AmqpConnection
{
    private const long CloseExisting = 1;

    /// <summary>How long a peer's machine may take to acknowledge a probe. It needs no more than a round trip.</summary>
    private static readonly TimeSpan ProbePatience = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan ProbeInterval = TimeSpan.FromMilliseconds(100);

    private static readonly Symbol SoleConnection = new("sole-connection-for-container");
    private static readonly Symbol EnforcementPolicy = new("sole-connection-enforcement-policy");
    private static readonly Symbol Enforcement = new("sole-connection-enforcement");

    /// <summary>Whether the peer asked to be the only connection of its container.</summary>
    public bool IsSole { get; private set; }

    /// <summary>Ends the connection in favour of another of its container. Thread-safe.</summary>
    public void GiveWay(bool isGhost) => Post(() =>
    {
        if (isGhost)
        {
            Break("its peer is gone without a word, and another connection of its container came");
            return;
        }

        _breakCause ??= "another connection of its container took its place";
        WasSentAway = true;
        _protocol.Close(new AmqpError(
            ErrorCondition.ResourceLocked,
            $"Another connection of container '{ContainerId}' took the place of this one.",
            new AmqpMap { { Enforcement, true } }));
        SetDeadline(CloseDeadline, "the peer did not answer close");
    });

    /// <summary>
    /// Sends an empty frame and looks whether the peer's machine acknowledges it, and all that was sent before. True when it does not
    /// within some seconds, or when the connection ends meanwhile. Thread-safe.
    /// </summary>
    public async Task<bool> IsGhostAsync()
    {
        await AskAsync(() =>
        {
            _protocol.WriteHeartbeat();
            return true;
        });
        var started = _server.Time.GetTimestamp();
        do
        {
            await Task.WhenAny(Ended, Task.Delay(ProbeInterval, _server.Time));
            if (!Ended.IsCompleted && !await AskAsync(() => _sending || _protocol.Output.Length > 0 || _transport.HasUnacknowledged))
            {
                return Ended.IsCompleted;
            }
        }
        while (!Ended.IsCompleted && _server.Time.GetElapsedTime(started) < ProbePatience);
        return true;
    }

    /// <summary>Answers the peer's open; where another connection has its container, when it is clear which of the two goes.</summary>
    private void AnswerOpen(Open remote)
    {
        IsSole = !Principal.IsProvisional && Array.IndexOf(remote.DesiredCapabilities ?? [], SoleConnection) >= 0;
        if (_server.Connections.TryClaimContainer(this, out var former))
        {
            AcceptOpen();
        }
        else
        {
            _ = ContendAsync(former!, Whole.Read(remote.Properties?[EnforcementPolicy]) == CloseExisting);
        }
    }

    private async Task ContendAsync(AmqpConnection former, bool closeExisting)
    {
        var isSameUser = string.Equals(former.Principal.Name, Principal.Name, StringComparison.Ordinal);
        var isGhost = isSameUser && !closeExisting && await former.IsGhostAsync();
        if (isGhost || (isSameUser && closeExisting))
        {
            former.GiveWay(isGhost);

            // It answers close, or is cut soon. Whatever happens, the deadline for open bounds the wait.
            await former.Ended;
        }

        Post(() =>
        {
            if (_server.Connections.TryClaimContainer(this, out _))
            {
                AcceptOpen();
            }
            else
            {
                RefuseSecond();
            }

            // What the peer sent meanwhile is waiting in the buffer.
            Consume();
            Signal();
        });
    }

    private void RefuseSecond() => RefuseOpen(new AmqpError(
        ErrorCondition.InvalidField,
        $"The container-id '{ContainerId}' is in use by another connection that wants to be its only one.",
        new AmqpMap { { new Symbol("invalid-field"), new Symbol("container-id") } }));

    /// <summary>Asks something in a turn of this connection; false when it ends before. Thread-safe.</summary>
    private async Task<bool> AskAsync(Func<bool> question)
    {
        var answer = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        Post(() => answer.SetResult(question()));
        return await Task.WhenAny(answer.Task, Ended) == answer.Task && await answer.Task;
    }
}
