using System.Diagnostics;
using System.Net;
using System.Net.WebSockets;
using Mamba.Broker.Host.Configuration;
using Mamba.Broker.Server.Security;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Host.Running;

/// <summary>
/// The order of start and stop. Start: users, engine (recovery), AMQP listeners, then the console, then the ready line.
/// Stop: no longer ready, no new connections, connections closed and their settlements written within the bound, then the
/// console, then the engine.
/// </summary>
internal sealed class BrokerService(
    BrokerSetup setup, BrokerState state, TimeProvider time, ILoggerFactory loggers, IServiceProvider services) : IHostedLifecycleService
{
    private CredentialStore? _users;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _users = new CredentialStore(DataDirectory.UsersOf(setup.Data.FullPath), loggers.CreateLogger<CredentialStore>());
        return Task.CompletedTask;
    }

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        state.IsReady = true;
        var listening = new ListeningOn(setup.Endpoints.Amqp, setup.Endpoints.Amqps, ConsoleEndpoint());
        Console.Out.WriteLine(Banner.Write(listening, setup.Data.FullPath, setup.AllowsAnonymous, !_users!.IsEmpty, SinceProcessStart()));
        return Task.CompletedTask;
    }

    public Task StoppingAsync(CancellationToken cancellationToken)
    {
        state.IsReady = false;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Serves one connection that came over the console port.</summary>
    public Task ServeWebSocketAsync(WebSocket socket, ListenerContext context, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>The console's endpoint with its real port; null when it is off.</summary>
    private IPEndPoint? ConsoleEndpoint()
    {
        var address = services.GetService<IServer>()?.Features.Get<IServerAddressesFeature>()?.Addresses.FirstOrDefault();
        return address is null ? null : new IPEndPoint(setup.Endpoints.Console!.Address, new Uri(address).Port);
    }

    private TimeSpan SinceProcessStart()
    {
        using var process = Process.GetCurrentProcess();
        return time.GetLocalNow().DateTime - process.StartTime;
    }
}
