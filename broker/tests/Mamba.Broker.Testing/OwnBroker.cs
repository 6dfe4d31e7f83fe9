using System.Net;

namespace Mamba.Broker.Testing;

/// <summary>A broker over a folder of its own, in one process after the other; both are gone when it is disposed.</summary>
public sealed class OwnBroker : IAsyncDisposable
{
    private OwnBroker(TempDirectory folder, BrokerProcess process)
    {
        Folder = folder;
        Process = process;
    }

    /// <summary>Where the broker has its data directory, and what was prepared for it.</summary>
    public TempDirectory Folder { get; }

    /// <summary>The process that is, or was last.</summary>
    public BrokerProcess Process { get; private set; }

    public IPEndPoint Endpoint => Process.Amqp;

    /// <summary>Starts a broker over an empty data directory.</summary>
    public static Task<OwnBroker> StartAsync(params string[] arguments) => StartAsync((_, _) => Task.FromResult(arguments));

    /// <summary>Starts a broker when its folder, whose data directory is told, was prepared; that yields the arguments.</summary>
    public static async Task<OwnBroker> StartAsync(Func<TempDirectory, string, Task<string[]>> prepare)
    {
        ArgumentNullException.ThrowIfNull(prepare);
        var folder = new TempDirectory();
        var data = folder["data"];
        return new OwnBroker(folder, await BrokerProcess.StartAsync(data, await prepare(folder, data)));
    }

    /// <summary>kill -9, and another process over what is on disk, on the same ports.</summary>
    public async Task KillAndRestartAsync()
    {
        await Process.KillAsync();
        await RestartAsync();
    }

    /// <summary>Another process in place of the one that has ended.</summary>
    public async Task RestartAsync()
    {
        var ended = Process;
        Process = await ended.RestartAsync();
        await ended.DisposeAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Process.DisposeAsync();
        Folder.Dispose();
    }
}
