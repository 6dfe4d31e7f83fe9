using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Broker.Server.Tests.Peers;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Server.Tests.Security;

/// <summary>Where nobody is let in anonymously, ANONYMOUS leads as far as $cbs, and for a bounded time only.</summary>
[TestFixture]
internal sealed class ProvisionalConnectionTests
{
    private TempDirectory _folder = null!;
    private BrokerProcess _broker = null!;

    [OneTimeSetUp]
    public async Task StartBroker()
    {
        _folder = new TempDirectory();
        await File.WriteAllTextAsync(_folder["teller.key"], $"{ClaimsPeer.Key}\nand a line that does not count\n");
        _broker = await BrokerProcess.StartAsync(
            _folder["data"],
            "--set", "security.anonymous=false",
            "--set", "limits.openTimeout=8 s",
            "--set", "limits.maxUnauthenticated=4",
            "--set", $$"""security.sharedAccessKeys=[{"name":"{{ClaimsPeer.KeyName}}","keyFile":"{{_folder["teller.key"]}}"}]""");
    }

    [OneTimeTearDown]
    public async Task StopBroker()
    {
        Assert.That(await _broker.StopAsync(), Is.Zero, () => _broker.Errors);
        await _broker.DisposeAsync();
        _folder.Dispose();
    }

    [Test]
    public async Task Who_shows_a_token_stays()
    {
        var peers = new List<ClaimsPeer>();
        for (var i = 0; i < 8; i++)
        {
            // More than may be there without having authenticated: these have.
            peers.Add(await ClaimsPeer.ConnectAsync(_broker.Amqp, "ANONYMOUS"));
            Assert.That((await peers[i].PutAsync("sb://localhost/")).Status, Is.EqualTo(202));
        }

        await peers[0].Raw.AttachSenderAsync(0, "anything");
        Assert.That(await peers[0].PublishAsync(0, "kept"), Is.TypeOf<Accepted>());
        foreach (var peer in peers)
        {
            await peer.DisposeAsync();
        }
    }

    [Test]
    public async Task Who_shows_none_is_cut_off()
    {
        await using var peer = await ClaimsPeer.BeginAsync(_broker.Amqp, "ANONYMOUS");
        Assert.That((await ClaimsPeer.TryAttachAsync(peer, Frames.Sender(0, "anything")))?.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
        Assert.That(await peer.TryNextAsync(), Is.Null, "the connection ends");
    }

    [Test]
    public async Task A_bare_header_leads_as_far()
    {
        var raw = await RawPeer.BeginAsync(_broker.Amqp);
        Assert.That((await ClaimsPeer.TryAttachAsync(raw, Frames.Sender(0, "anything")))?.Condition, Is.EqualTo(ErrorCondition.UnauthorizedAccess));
        await using var peer = await ClaimsPeer.AttachAsync(raw);
        Assert.That((await peer.PutAsync("sb://localhost/")).Status, Is.EqualTo(202));
        await raw.SendAsync(Frames.Detach(0));
        Assert.That(await peer.TryAttachAsync(Frames.Sender(0, "anything")), Is.Null);
    }
}
