using Mamba.Broker.Engine;
using Mamba.Broker.Host.Running;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace Mamba.Broker.Host.Tests.Processes;

[TestFixture]
internal sealed class EngineLogTests
{
    [Test]
    public void A_failed_journal_ends_readiness_and_the_process_once()
    {
        var state = new BrokerState { IsReady = true };
        using var lifetime = new Lifetime();
        var log = new EngineLog(NullLogger<MessageEngine>.Instance, state, lifetime);
        log.JournalFailed(new IOException("disk gone"));
        log.JournalFailed(new IOException("and again"));
        Assert.That((state.IsReady, state.Failure, lifetime.Stops), Is.EqualTo((false, "disk gone", 1)));
    }

    private sealed class Lifetime : IHostApplicationLifetime, IDisposable
    {
        private readonly CancellationTokenSource _never = new();

        public int Stops { get; private set; }

        public CancellationToken ApplicationStarted => _never.Token;

        public CancellationToken ApplicationStopping => _never.Token;

        public CancellationToken ApplicationStopped => _never.Token;

        public void StopApplication() => Stops++;

        public void Dispose() => _never.Dispose();
    }
}
