namespace Mamba.Tools.Model.Running;

/// <summary>The broker that sequences are run against.</summary>
internal interface IBrokerUnderTest : IAsyncDisposable
{
    string Host { get; }

    int Port { get; }

    /// <summary>Failed deliveries after which it dead-letters.</summary>
    int MaxDeliveries { get; }

    /// <summary>Whether time can be told to pass, and the broker to restart.</summary>
    bool HasTime { get; }

    /// <summary>Milliseconds that a temporary node waits for the client whose connection was lost.</summary>
    long KeepAfterLoss { get; }

    /// <summary>Its clock, in Unix milliseconds.</summary>
    long Now { get; }

    void Advance(long milliseconds);

    /// <summary>Ends the broker and starts it again on its data: in order, or as if the process had been killed.</summary>
    Task RestartAsync(bool kill);
}

/// <summary>A broker that runs already: time passes by itself, and it is not restarted.</summary>
internal sealed class ForeignBroker(Uri uri, int maxDeliveries) : IBrokerUnderTest
{
    public string Host => uri.Host;

    public int Port => uri.Port > 0 ? uri.Port : 5672;

    public int MaxDeliveries => maxDeliveries;

    public bool HasTime => false;

    public long KeepAfterLoss => 30_000;

    public long Now => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    public void Advance(long milliseconds) => throw new NotSupportedException("the time of a running broker passes by itself");

    public Task RestartAsync(bool kill) => throw new NotSupportedException("a running broker is not restarted");

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
