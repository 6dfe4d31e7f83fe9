using System.Net;
using Mamba.Amqp.Sasl;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Limits;

/// <summary>What a refused open looks like: open with the marker, and close with the error behind it.</summary>
internal static class RefusedOpen
{
    private static readonly Symbol Failed = new("amqp:connection-establishment-failed");

    /// <summary>Reads the answer to the open of a peer that has sent its header and open, and returns the error of the close.</summary>
    public static async Task<AmqpError> ReadAsync(RawPeer peer)
    {
        await peer.ReadHeaderAsync(Frames.AmqpHeader);
        var open = await peer.NextAsync<Open>();
        Assert.That(open.Properties?[Failed], Is.EqualTo("true"), "a client must not take the open for a success");
        var close = await peer.NextAsync<Close>();
        await peer.TrySendAsync(Frames.Close());
        return close.Error!;
    }
}

/// <summary>How many connections may be open; the fixture's honest peer is one of them.</summary>
[TestFixture]
internal sealed class ConnectionLimitTests() : RunningBroker("limits.maxConnections=3")
{
    [Test]
    public async Task One_more_is_refused_with_a_reason_and_each_that_closes_makes_room()
    {
        await using var second = await RawPeer.OpenAsync(Endpoint);
        await using (var third = await RawPeer.OpenAsync(Endpoint))
        {
            await using var fourth = await RawPeer.ConnectAsync(Endpoint);
            await fourth.SendAsync(Frames.AmqpHeader, Frames.Open("fourth"));
            var error = await RefusedOpen.ReadAsync(fourth);
            Assert.That(error.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
            Assert.That(error.Description, Does.Contain("3 open connections").And.Contain("limits.maxConnections"));
            await third.CloseAsync();
        }

        // The broker may still be about to count the third out.
        using var limit = new CancellationTokenSource(RawPeer.Patience);
        while (true)
        {
            limit.Token.ThrowIfCancellationRequested();
            await using var next = await RawPeer.ConnectAsync(Endpoint);
            await next.SendAsync(Frames.AmqpHeader, Frames.Open("next"));
            await next.ReadHeaderAsync(Frames.AmqpHeader);
            if ((await next.NextAsync<Open>()).Properties?.ContainsKey(new Symbol("product")) is true)
            {
                return;
            }
        }
    }
}

/// <summary>Which hosts may be asked for in open.</summary>
[TestFixture]
internal sealed class HostnameTests() : RunningBroker("listeners.hostnames=broker.example.com,other.example.com")
{
    [TestCase("broker.example.com")]
    [TestCase("OTHER.Example.COM")]
    [TestCase("")]
    [TestCase(null)]
    public async Task A_host_that_is_served_or_none_is_let_in(string? hostname)
    {
        await using var peer = await RawPeer.ConnectAsync(Endpoint);
        await peer.SendAsync(Frames.AmqpHeader, Frames.Of(new Open { ContainerId = "c", Hostname = hostname }), Frames.Begin());
        await peer.ReadHeaderAsync(Frames.AmqpHeader);
        await peer.NextAsync<Open>();
        await peer.NextAsync<Begin>();
        await peer.CloseAsync();
    }

    [TestCase("elsewhere.example.com")]
    [TestCase("example.com")]
    [TestCase("broker.example.com\n2026-01-01 forged line")]
    public async Task Another_host_is_not_found(string hostname)
    {
        await using var peer = await RawPeer.ConnectAsync(Endpoint);
        await peer.SendAsync(Frames.AmqpHeader, Frames.Of(new Open { ContainerId = "c", Hostname = hostname }), Frames.Begin());
        var error = await RefusedOpen.ReadAsync(peer);
        Assert.That(error.Condition, Is.EqualTo(ErrorCondition.NotFound));
        Assert.That(error.Description, Does.Contain("listeners.hostnames").And.Not.Contain("\n"));
    }
}

/// <summary>Peers for whom there is no room among those that have not authenticated are told so, as far as that is cheap.</summary>
[TestFixture]
internal sealed class DoorKeeperTests() : RunningBroker("limits.maxUnauthenticatedPerAddress=1", "limits.openTimeout=2 min")
{
    private static int _lastAddress = 1;

    private RawPeer _inside = null!;
    private IPAddress _from = null!;

    [SetUp]
    public async Task TakeTheOnlyPlaceOfAnAddressOfItsOwn()
    {
        _from = IPAddress.Parse($"127.0.9.{++_lastAddress}");
        _inside = await ConnectAsync();
        await _inside.SendAsync(Frames.AmqpHeader);
        await _inside.ReadHeaderAsync(Frames.AmqpHeader);
    }

    [TearDown]
    public async Task Leave() => await _inside.DisposeAsync();

    [Test]
    public async Task Without_sasl_the_open_is_refused()
    {
        await using var peer = await ConnectAsync();
        await peer.SendAsync(Frames.AmqpHeader, Frames.Open());
        var error = await RefusedOpen.ReadAsync(peer);
        Assert.That(error.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
        Assert.That(error.Description, Does.Contain("try again later"));
        Assert.That(await peer.TryNextAsync(), Is.Null, "the end of the stream");
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task With_sasl_the_outcome_is_to_try_later(bool pipelined)
    {
        await using var peer = await ConnectAsync();
        peer.InSasl = true;
        await peer.SendAsync(Frames.SaslHeader, pipelined ? Frames.SaslAnonymous : []);
        await peer.ReadHeaderAsync(Frames.SaslHeader);
        Assert.That((await peer.NextAsync<SaslMechanisms>()).SaslServerMechanisms, Does.Contain(new Symbol("ANONYMOUS")));
        if (!pipelined)
        {
            await peer.SendAsync(Frames.SaslAnonymous);
        }

        Assert.That((await peer.NextAsync<SaslOutcome>()).Code, Is.EqualTo(SaslCode.SysTemp));
        Assert.That(await peer.TryNextAsync(), Is.Null, "the end of the stream");
    }

    [Test]
    public async Task A_request_of_http_is_told_to_try_later()
    {
        await using var peer = await HttpPeer.ConnectAsync(Endpoint, _from);
        await peer.SendAsync(HttpPeer.Upgrade());
        var answer = await peer.ReadAnswerAsync();
        Assert.That((answer.Status, answer.Text), Is.EqualTo((503, "Too many connections to the broker, in all or from this address, have not authenticated yet; try again later.\n")));
        Assert.That(await peer.ReadToEndAsync(), Is.Empty);
    }

    [Test]
    public async Task Whoever_says_nothing_is_cut_off_and_the_one_inside_is_not_disturbed()
    {
        var silent = new List<RawPeer>();
        for (var i = 0; i < 200; i++)
        {
            silent.Add(await ConnectAsync());
        }

        foreach (var peer in silent)
        {
            Assert.That(await peer.TryNextAsync(), Is.Null, "the end of the stream");
            await peer.DisposeAsync();
        }

        await _inside.SendAsync(Frames.Open("inside"), Frames.Begin());
        await _inside.NextAsync<Open>();
        await _inside.NextAsync<Begin>();
    }

    private Task<RawPeer> ConnectAsync() => RawPeer.ConnectAsync(Endpoint, from: _from);
}
