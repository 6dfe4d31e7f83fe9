using Mamba.Amqp.Client;
using Mamba.Tools.Model.Sequences;

namespace Mamba.Tools.Model.Running;

/// <summary>The broker that sequences are run against.</summary>
internal interface IBrokerUnderTest : IAsyncDisposable
{
    /// <summary>How to reach it.</summary>
    AmqpConnectionOptions Connection { get; }

    Features Features { get; }

    /// <summary>Failed deliveries after which it dead-letters.</summary>
    int MaxDeliveries { get; }

    /// <summary>Whether time can be told to pass, and the broker to restart.</summary>
    bool HasTime => Has(Features.Time);

    bool Has(Features feature) => (Features & feature) != Features.None;

    /// <summary>Milliseconds that a temporary node waits for the client whose connection was lost.</summary>
    long KeepAfterLoss { get; }

    /// <summary>Its clock, in Unix milliseconds.</summary>
    long Now { get; }

    void Advance(long milliseconds);

    /// <summary>Ends the broker and starts it again on its data: in order, or as if the process had been killed.</summary>
    Task RestartAsync(bool kill);
}

/// <summary>A broker that runs already: time passes by itself, and it is not restarted.</summary>
internal sealed class ForeignBroker(Uri uri, int maxDeliveries, Features features) : IBrokerUnderTest
{
    public AmqpConnectionOptions Connection { get; } = AmqpConnectionOptions.FromUri(uri);

    public Features Features => features & ~Features.Time;

    public int MaxDeliveries => maxDeliveries;

    public long KeepAfterLoss => 30_000;

    public long Now => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    public void Advance(long milliseconds) => throw new NotSupportedException("the time of a running broker passes by itself");

    public Task RestartAsync(bool kill) => throw new NotSupportedException("a running broker is not restarted");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
