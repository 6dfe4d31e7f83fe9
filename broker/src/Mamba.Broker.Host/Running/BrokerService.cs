using System.Diagnostics;
using System.Net;
using System.Net.Security;
using System.Net.WebSockets;
using Mamba.Broker.Engine;
using Mamba.Broker.Host.Configuration;
using Mamba.Broker.Server;
using Mamba.Broker.Server.Messages;
using Mamba.Broker.Server.Security;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Mamba.Broker.Host.Running;

/// <summary>
/// The order of start and stop. Start: users and certificates, engine (recovery), AMQP listeners, then the console, then the
/// ready line. Stop: no longer ready, no new connections, connections closed and their settlements written within the bound,
/// then the console, then the engine.
/// </summary>
internal sealed class BrokerService(
    BrokerSetup setup, BrokerState state, TimeProvider time, IHostApplicationLifetime lifetime, ILoggerFactory loggers, IServiceProvider services)
    : IHostedLifecycleService, IAsyncDisposable
{
    private readonly PasswordVerifier _verifier = new();
    private CredentialStore? _users;
    private TlsCertificates? _tls;
    private MessageEngine? _engine;
    private AmqpServer? _server;
    private ITimer? _memory;

    /// <summary>What a handshake of the secure console starts from. Call once the broker has started, where there is a certificate.</summary>
    public SslServerAuthenticationOptions TlsForHttp() => _tls!.CopyOptions();

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        var options = setup.Options;
        _users = new CredentialStore(DataDirectory.UsersOf(setup.Data.FullPath), loggers.CreateLogger<CredentialStore>());
        if (options.Tls.Certificate is not null)
        {
            _tls = TlsCertificates.Load(StartupChecks.TlsFiles(options.Tls), time, loggers.CreateLogger<TlsCertificates>());
        }

        var events = new EngineLog(loggers.CreateLogger<MessageEngine>(), state, lifetime);
        _engine = MessageEngine.Open(OptionsMapping.ToEngine(options, setup.Data.Journal), new MessageAnnotator(time), time, events);

        var policy = new SaslPolicy(setup.AllowsAnonymous, [.. options.Security.Mechanisms], TakesTokens: options.Security.SharedAccessKeys.Count > 0);
        var authenticator = new SaslAuthenticator(policy, _users, new AttemptLimiter(time), _verifier, loggers.CreateLogger<SaslAuthenticator>());
        _server = new AmqpServer(
            OptionsMapping.ToServer(options, setup.Endpoints, _tls), _engine, authenticator,
            OptionsMapping.ToAdmission(options.Limits), time, loggers.CreateLogger<AmqpServer>());
        _server.Start();
        return Task.CompletedTask;
    }

    public Task StartedAsync(CancellationToken cancellationToken)
    {
        state.IsReady = true;
        _memory = MemoryKeeper.Watch(_engine!, time);
        var listening = new ListeningOn(_server!.AmqpEndPoints.FirstOrDefault(), _server.AmqpsEndPoints.FirstOrDefault(), ConsoleEndpoint(Uri.UriSchemeHttp), ConsoleEndpoint(Uri.UriSchemeHttps));
        Console.Out.WriteLine(Banner.Write(listening, setup.Data.FullPath, setup.AllowsAnonymous, !_users!.IsEmpty, SinceProcessStart()));
        return Task.CompletedTask;
    }

    /// <summary>Comes before any service is stopped: the console could not stop while WebSocket connections live.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken)
    {
        state.IsReady = false;
        if (_server is not null)
        {
            await _server.StopAsync();
        }
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => DisposeAsync().AsTask();

    /// <summary>Serves one connection that came over the console port.</summary>
    public Task ServeWebSocketAsync(WebSocket socket, ListenerContext context, CancellationToken cancellationToken) =>
        _server!.AcceptWebSocketAsync(socket, context, cancellationToken);

    /// <summary>Closes the engine after the server; also after a start that failed halfway.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _memory, null) is { } memory)
        {
            await memory.DisposeAsync();
        }

        if (Interlocked.Exchange(ref _server, null) is { } server)
        {
            await server.DisposeAsync();
        }

        if (Interlocked.Exchange(ref _engine, null) is { } engine)
        {
            await engine.DisposeAsync();
        }

        Interlocked.Exchange(ref _tls, null)?.Dispose();
        _verifier.Dispose();
    }

    /// <summary>The console's endpoint with its real port; null when it is off.</summary>
    private IPEndPoint? ConsoleEndpoint(string scheme)
    {
        var configured = scheme == Uri.UriSchemeHttps ? setup.Endpoints.SecureConsole : setup.Endpoints.Console;
        var addresses = services.GetService<IServer>()?.Features.Get<IServerAddressesFeature>()?.Addresses.Select(static address => new Uri(address));
        return configured is null || addresses?.FirstOrDefault(address => address.Scheme == scheme) is not { } bound ? null : new IPEndPoint(configured.Address, bound.Port);
    }

    private TimeSpan SinceProcessStart()
    {
        using var process = Process.GetCurrentProcess();
        return time.GetLocalNow().DateTime - process.StartTime;
    }
}
