using Mamba.Amqp.Messaging;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;
using Mamba.Broker.Testing.Hostile;

namespace Mamba.Broker.Server.Tests.Hostile;

/// <summary>
/// The whole corpus of hostile inputs against a running broker (targets T-23 and T-33): each is answered with the right
/// condition in bounded time, and costs other connections and the process nothing.
/// </summary>
[TestFixture]
internal sealed class BombTests : RunningBroker
{
    private const int PreOpenFrameLimit = 8_192;
    private const int SliceSize = 100_000;
    private const int MemoryBound = 64 * 1024 * 1024;
    private const string Address = "bombs";

    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(10);

    public static IEnumerable<TestCaseData> Bombs => BombCorpus.All.Select(static b => new TestCaseData(b).SetArgDisplayNames(b.ToString()));

    public static IEnumerable<TestCaseData> Payloads => BombCorpus.All
        .Where(static b => b.Where == BombPlace.MessagePayload)
        .Select(static b => new TestCaseData(b).SetArgDisplayNames(b.ToString()));

    [TestCaseSource(nameof(Bombs))]
    public Task Is_answered_with_its_condition(Bomb bomb) => bomb.Where switch
    {
        BombPlace.FrameBeforeOpen => BeforeOpenAsync(bomb),
        BombPlace.PerformativeAfterOpen => AfterOpenAsync(bomb),
        BombPlace.SaslFrame => InSaslAsync(bomb),
        _ => AsPayloadAsync(bomb),
    };

    /// <summary>A settled message has no disposition to be rejected with: the link says it (AMQP 1.0 §2.6.12).</summary>
    [TestCaseSource(nameof(Payloads))]
    public async Task Sent_settled_ends_its_link_and_nothing_more(Bomb bomb)
    {
        await using var peer = await SenderAsync();
        await SendMessageAsync(peer, id: 0, bomb.Bytes, settled: true);
        var detach = await peer.NextAsync<Detach>();
        Assert.That((detach.Closed, detach.Error?.Condition.Value), Is.EqualTo((true, bomb.ExpectedCondition)), detach.Error?.Description);
        await peer.SendAsync(Frames.Detach(0), Frames.Sender(0, Address, "again"));
        await peer.NextAsync<Attach>();
        await peer.CloseAsync();
    }

    [Test]
    public async Task Twice_the_whole_corpus_leaves_little_memory_behind_and_no_message()
    {
        await Honest.AssertServedAsync();
        var before = ResidentBytes();
        for (var round = 0; round < 2; round++)
        {
            foreach (var bomb in BombCorpus.All)
            {
                await Is_answered_with_its_condition(bomb);
            }
        }

        var grown = ResidentBytes() - before;
        await TestContext.Out.WriteLineAsync($"grown by {grown / 1024} KiB");
        Assert.That(grown, Is.LessThan(MemoryBound), "bytes by which the resident memory grew");
        Assert.That(await TakeAllAsync(Address, atLeast: 0), Is.Zero);
    }

    /// <summary>The answer is a whole open, close pair, as clients need (AMQP 1.0 §2.4.1).</summary>
    private async Task BeforeOpenAsync(Bomb bomb)
    {
        await using var peer = await RawPeer.ConnectAsync(Endpoint);
        await peer.SendAsync(Frames.AmqpHeader, bomb.Bytes);
        await peer.ReadHeaderAsync(Frames.AmqpHeader);
        await peer.NextAsync<Open>();
        var condition = bomb.Bytes.Length > PreOpenFrameLimit ? ErrorCondition.FramingError.Value : bomb.ExpectedCondition;
        await AssertClosedAsync(peer, condition);
    }

    private async Task AfterOpenAsync(Bomb bomb)
    {
        await using var peer = await SenderAsync();
        await peer.SendAsync(bomb.Bytes);
        await AssertClosedAsync(peer, bomb.ExpectedCondition);
    }

    /// <summary>There is no close in the SASL layer: the connection ends, and never with the outcome ok.</summary>
    private async Task InSaslAsync(Bomb bomb)
    {
        await using var peer = await RawPeer.ConnectAsync(Endpoint);
        await peer.SendAsync(Frames.SaslHeader);
        await peer.ReadHeaderAsync(Frames.SaslHeader);
        peer.InSasl = true;
        await peer.NextAsync<SaslMechanisms>();
        await peer.SendAsync(bomb.Bytes);
        while (await peer.TryNextAsync(Bound) is { } frame)
        {
            Assert.That((frame.Performative as SaslOutcome)?.Code, Is.Not.Null.And.Not.EqualTo(SaslCode.Ok));
        }
    }

    /// <summary>Rejected, each time, and the link goes on.</summary>
    private async Task AsPayloadAsync(Bomb bomb)
    {
        await using var peer = await SenderAsync();
        for (uint id = 0; id < 2; id++)
        {
            await SendMessageAsync(peer, id, bomb.Bytes, settled: false);
            var disposition = await peer.NextAsync<Disposition>();
            Assert.That((disposition.First, disposition.Settled), Is.EqualTo((id, true)));
            Assert.That((disposition.State as Rejected)?.Error?.Condition.Value, Is.EqualTo(bomb.ExpectedCondition), $"{disposition}");
        }

        await peer.CloseAsync();
    }

    private async Task<RawPeer> SenderAsync()
    {
        var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachSenderAsync(0, Address);
        return peer;
    }

    private static async Task SendMessageAsync(RawPeer peer, uint id, byte[] payload, bool settled)
    {
        var slices = payload.Chunk(SliceSize).DefaultIfEmpty([]).ToArray();
        await peer.SendAsync(Frames.Transfer(0, id, slices[0], settled, more: slices.Length > 1));
        for (var i = 1; i < slices.Length; i++)
        {
            await peer.SendAsync(Frames.Continuation(0, slices[i], more: i + 1 < slices.Length));
        }
    }

    private static async Task AssertClosedAsync(RawPeer peer, string condition)
    {
        var close = await peer.NextAsync<Close>();
        Assert.That(close.Error?.Condition.Value, Is.EqualTo(condition), close.Error?.Description);
        Assert.That(close.Error?.Description, Is.Not.Empty);
        Assert.That(await peer.TryNextAsync(Bound), Is.Null, "after close");
        Assert.That(peer.WasReset, Is.False, "a reset can take the close from the peer before it reads it");
    }
}
