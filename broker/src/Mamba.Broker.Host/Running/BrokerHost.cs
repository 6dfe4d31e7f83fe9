using Mamba.Broker.Host.Commands;
using Mamba.Broker.Host.Configuration;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Hosting.Internal;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using GenericHost = Microsoft.Extensions.Hosting.Host;

namespace Mamba.Broker.Host.Running;

/// <summary>
/// Puts the parts of a running broker together. The builders are the empty ones: the usual defaults read files, variables
/// and options of their own, which would be a second, unchecked way to configure the broker, and cost a third of the start.
/// </summary>
internal static class BrokerHost
{
    /// <summary>Runs until SIGTERM, SIGINT or a failure, and returns the exit code.</summary>
    public static async Task<int> RunAsync(BrokerSetup setup)
    {
        var state = new BrokerState();
        var host = setup.Endpoints is { Console: null, SecureConsole: null } ? BuildWithoutConsole(setup, state) : BuildWithConsole(setup, state);
        await host.RunAsync();
        return state.Failure is null ? ExitCode.Success : ExitCode.Runtime;
    }

    private static IHost BuildWithoutConsole(BrokerSetup setup, BrokerState state)
    {
        var builder = GenericHost.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        AddBroker(builder, setup, state);
        return builder.Build();
    }

    private static WebApplication BuildWithConsole(BrokerSetup setup, BrokerState state)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions { ContentRootPath = setup.Data.FullPath });
        AddBroker(builder, setup, state);
        builder.WebHost.UseKestrelCore().UseKestrelHttpsConfiguration().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 1 << 20;
            kestrel.Limits.MaxConcurrentConnections = setup.Options.Limits.MaxUnauthenticated;
            kestrel.Limits.RequestHeadersTimeout = setup.Options.Limits.OpenTimeout;
            Listen(kestrel, setup);
        });
        var app = builder.Build();
        app.UseWebSockets();
        var endpoints = new ConsoleEndpoints(state, app.Services.GetRequiredService<BrokerService>().ServeWebSocketAsync);
        app.Run(endpoints.HandleAsync);
        return app;
    }

    private static void Listen(KestrelServerOptions kestrel, BrokerSetup setup)
    {
        kestrel.ConfigureEndpointDefaults(listen => listen.Protocols = HttpProtocols.Http1);
        if (setup.Endpoints.Console is { } console)
        {
            kestrel.Listen(console);
        }

        if (setup.Endpoints.SecureConsole is { } secure)
        {
            var service = kestrel.ApplicationServices.GetRequiredService<BrokerService>();
            kestrel.Listen(secure, listen => listen.UseHttps(new TlsHandshakeCallbackOptions
            {
                HandshakeTimeout = setup.Options.Limits.TlsHandshakeTimeout,
                OnConnection = _ => ValueTask.FromResult(service.TlsForHttp()),
            }));
        }
    }

    private static void AddBroker(IHostApplicationBuilder builder, BrokerSetup setup, BrokerState state)
    {
        AddLogging(builder.Logging, setup.Options.Logging);
        builder.Services.AddSingleton<IHostLifetime, ConsoleLifetime>();
        builder.Services.Configure<ConsoleLifetimeOptions>(lifetime => lifetime.SuppressStatusMessages = true);

        // The broker keeps its own bound; the host's is behind it, for a stop that hangs elsewhere.
        builder.Services.Configure<HostOptions>(host => host.ShutdownTimeout = setup.Options.Stop.Timeout + TimeSpan.FromSeconds(5));
        builder.Services.AddSingleton(setup);
        builder.Services.AddSingleton(state);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton<BrokerService>();
        builder.Services.AddHostedService(services => services.GetRequiredService<BrokerService>());
    }

    /// <summary>Logs go to standard error, so that standard output holds what a person reads, and nothing else.</summary>
    private static void AddLogging(ILoggingBuilder logging, LoggingOptions options)
    {
        const string Time = "yyyy-MM-dd'T'HH:mm:ss.fff'Z' ";
        logging.SetMinimumLevel(options.Level);
        logging.AddFilter("Microsoft", options.Level > LogLevel.Warning ? options.Level : LogLevel.Warning);

        // A failed start is told once, by the command, without a stack trace.
        logging.AddFilter("Microsoft.Extensions.Hosting.Internal.Host", LogLevel.None);
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
        if (options.Format == LogFormat.Json)
        {
            logging.AddJsonConsole(json =>
            {
                json.TimestampFormat = Time.TrimEnd();
                json.UseUtcTimestamp = true;
            });
        }
        else
        {
            logging.AddSimpleConsole(text =>
            {
                text.SingleLine = true;
                text.TimestampFormat = Time;
                text.UseUtcTimestamp = true;
                text.ColorBehavior = Console.IsErrorRedirected ? LoggerColorBehavior.Disabled : LoggerColorBehavior.Default;
            });
        }
    }
}

/// <summary>What a start has made sure of.</summary>
internal sealed record BrokerSetup(BrokerOptions Options, ResolvedEndpoints Endpoints, DataDirectory Data, bool AllowsAnonymous);
