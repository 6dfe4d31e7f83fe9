using System.Net;
using Mamba.Amqp.Client;
using Mamba.Broker.Engine;
using Mamba.Broker.Server;
using Mamba.Broker.Server.Messages;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Testing;
using Mamba.Tools.Model.Sequences;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mamba.Tools.Model.Running;

/// <summary>
/// The real engine and front-end on a loopback socket in this process, on a clock that moves when it is told to. Without fdatasync:
/// what a power cut loses is the matter of other tests.
/// </summary>
internal sealed class OwnBroker : IBrokerUnderTest
{
    private static readonly TimeSpan Forever = TimeSpan.FromDays(1_000);

    private readonly TempDirectory _folder = new();
    private readonly ManualClock _clock = new();
    private readonly PasswordVerifier _verifier = new();
    private int _life;
    private MessageEngine _engine = null!;
    private AmqpServer _server = null!;

    private OwnBroker()
    {
    }

    public AmqpConnectionOptions Connection { get; private set; } = new() { Host = "127.0.0.1" };

    public Features Features => Features.All;

    public int MaxDeliveries => 3;

    /// <summary>Not at a moment at which anything else falls due.</summary>
    public long KeepAfterLoss => 3_600;

    public long Now => _clock.GetUtcNow().ToUnixTimeMilliseconds();

    private string Journal => _folder[$"journal{_life}"];

    public static OwnBroker Start()
    {
        var broker = new OwnBroker();
        broker.Open();
        return broker;
    }

    public void Advance(long milliseconds) => _clock.Advance(TimeSpan.FromMilliseconds(milliseconds));

    public async Task RestartAsync(bool kill)
    {
        if (!kill)
        {
            await CloseAsync();
            Open();
            return;
        }

        // The files as they are now are what a killed process leaves. The old life then ends in peace, with nobody looking.
        var old = Journal;
        _life++;
        CopyFiles(old, Journal);
        await CloseAsync();
        Directory.Delete(old, recursive: true);
        Open();
    }

    public async ValueTask DisposeAsync()
    {
        await CloseAsync();
        _verifier.Dispose();
        _folder.Dispose();
    }

    /// <summary>A segment that is given up meanwhile makes it begin again: a killed process leaves all files of one moment.</summary>
    private static void CopyFiles(string from, string to)
    {
        while (!TryCopyFiles(from, to))
        {
            Directory.Delete(to, recursive: true);
        }
    }

    private static bool TryCopyFiles(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from).Where(static file => !file.EndsWith(".lock", StringComparison.Ordinal)))
        {
            if (!TryCopy(file, to))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryCopy(string file, string to)
    {
        try
        {
            using var source = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var copy = File.Create(Path.Combine(to, Path.GetFileName(file)));
            source.CopyTo(copy);
            return true;
        }
        catch (FileNotFoundException)
        {
            return false;
        }
    }

    private void Open()
    {
        var options = new EngineOptions
        {
            Directory = Journal,
            Sync = false,
            SegmentBytes = 1024 * 1024,
            DefaultNodeOptions = new NodeOptions { MaxDeliveries = MaxDeliveries },
        };
        _engine = MessageEngine.Open(options, new MessageAnnotator(_clock), _clock, IEngineEvents.None);
        var users = new CredentialStore(_folder["users"], NullLogger.Instance);
        var authenticator = new SaslAuthenticator(
            new SaslPolicy(AllowAnonymous: true, ["ANONYMOUS"]), users, new AttemptLimiter(_clock), _verifier, NullLogger<SaslAuthenticator>.Instance);
        var server = new ServerOptions
        {
            Amqp = [new IPEndPoint(IPAddress.Loopback, 0)],
            IdleTimeout = TimeSpan.Zero,
            OpenDeadline = Forever,
            StalledWriterDeadline = Forever,
            TransactionTimeout = Forever,
            Replies = new ReplyOptions { KeepAfterLoss = TimeSpan.FromMilliseconds(KeepAfterLoss) },
        };
        _server = new AmqpServer(server, _engine, authenticator, new ConnectionAdmission(100, 100), _clock, NullLogger<AmqpServer>.Instance);
        _server.Start();
        Connection = Connection with { Port = _server.AmqpEndPoints[0].Port };
    }

    private async Task CloseAsync()
    {
        await _server.DisposeAsync();
        await _engine.DisposeAsync();
    }
}
