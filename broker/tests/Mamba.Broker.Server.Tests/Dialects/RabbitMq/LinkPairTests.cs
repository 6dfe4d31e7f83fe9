using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Dialects.RabbitMq;

/// <summary>The link pair with <c>/management</c>: how it comes about, what goes over it, and what does not fit.</summary>
[TestFixture]
internal sealed class LinkPairTests() : RunningBroker
{
    [Test]
    public async Task Open_offers_link_pairs()
    {
        await using var peer = await RawPeer.ConnectAsync(Endpoint);
        await peer.SendAsync(Frames.AmqpHeader, Frames.Open("asks"));
        await peer.ReadHeaderAsync(Frames.AmqpHeader);
        var open = await peer.NextAsync<Open>();
        Assert.That(open.OfferedCapabilities, Does.Contain(new Symbol("LINK_PAIR_V1_0")));
        Assert.That(open.Properties![new Symbol("product")], Is.EqualTo("Mamba"));
    }

    [Test]
    public async Task Both_halves_say_that_they_are_paired_in_either_order()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(LinkPairPeer.Responses());
        var responses = await peer.NextAsync<Attach>();
        Assert.That((responses.Role, responses.SndSettleMode, responses.Properties![new Symbol("paired")]), Is.EqualTo((Role.Sender, (SenderSettleMode?)SenderSettleMode.Settled, (object)true)));
        await peer.SendAsync(LinkPairPeer.Requests());
        var requests = await peer.NextAsync<Attach>();
        Assert.That((requests.Role, requests.Properties![new Symbol("paired")]), Is.EqualTo((Role.Receiver, (object)true)));
        await peer.CreditAsync(LinkPairPeer.Out);
        await peer.SendAsync(
            Frames.Credit(LinkPairPeer.In, 10), Frames.Transfer(LinkPairPeer.Out, 0, LinkPairPeer.Request("one", "GET", "/queues/honest"), settled: true));
        var response = await peer.ReceiveAsync();
        Assert.That((response.Message.Properties!.CorrelationId, response.Message.Properties.Subject), Is.EqualTo(((object)"one", "200")));
    }

    [Test]
    public async Task A_connection_has_sixteen_whole_pairs()
    {
        const uint most = 16;
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        for (var pair = 0u; pair < most; pair++)
        {
            await peer.SendAsync(LinkPairPeer.Requests($"pair-{pair}", handle: 2 * pair));
            Assert.That((await peer.NextAsync<Attach>()).Target, Is.Not.Null);
            await peer.SendAsync(LinkPairPeer.Responses($"pair-{pair}", handle: (2 * pair) + 1));
            Assert.That((await peer.NextAsync<Attach>()).Source, Is.Not.Null, $"the other half of pair {pair}");
        }

        await peer.SendAsync(LinkPairPeer.Requests("one-more", handle: 2 * most));
        await peer.NextAsync<Attach>();
        Assert.That((await peer.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
    }

    [Test]
    public async Task A_link_without_the_property_is_no_half_of_a_pair()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(LinkPairPeer.Requests(paired: false), LinkPairPeer.Responses(paired: "true"));
        for (var i = 0; i < 2; i++)
        {
            await peer.NextAsync<Attach>();
            var error = (await peer.NextAsync<Detach>()).Error!;
            Assert.That((error.Condition, error.Description), Is.EqualTo((ErrorCondition.InvalidField, error.Description)));
            Assert.That(error.Description, Does.Contain("'paired'"));
        }
    }

    [Test]
    public async Task The_halves_must_fit_each_other()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        foreach (var attach in new[] { LinkPairPeer.Responses(handle: 40, name: "other"), LinkPairPeer.Requests(handle: 41, name: "other", own: "elsewhere") })
        {
            await pair.Raw.SendAsync(attach);
            await pair.Raw.NextAsync<Attach>();
        }

        Assert.That((await pair.Raw.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.PreconditionFailed));
        await pair.AskAsync("200", "GET", "/queues/honest");
    }

    [Test]
    public async Task A_request_on_half_a_pair_ends_that_half()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(LinkPairPeer.Requests());
        await peer.NextAsync<Attach>();
        await peer.CreditAsync(LinkPairPeer.Out);
        await peer.SendAsync(Frames.Transfer(LinkPairPeer.Out, 0, LinkPairPeer.Request("one", "GET", "/queues/honest"), settled: true));
        Assert.That((await peer.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.PreconditionFailed));
    }

    [Test]
    public async Task A_pair_can_be_closed_and_opened_again()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        await pair.Raw.SendAsync(Frames.Detach(LinkPairPeer.Out), Frames.Detach(LinkPairPeer.In));
        await pair.Raw.NextAsync<Detach>();
        await pair.Raw.NextAsync<Detach>();
        await pair.Raw.SendAsync(LinkPairPeer.Requests(own: "new"), LinkPairPeer.Responses(own: "new"), Frames.Credit(LinkPairPeer.In, 10));
        Assert.That((await pair.Raw.NextAsync<Attach>()).Target, Is.Not.Null);
        Assert.That((await pair.Raw.NextAsync<Attach>()).Source, Is.Not.Null);
        await pair.AskAsync("200", "GET", "/queues/honest");
    }

    [Test]
    public async Task A_pair_of_another_connection_with_the_same_names_is_left_alone()
    {
        await using var one = await LinkPairPeer.ConnectAsync(Endpoint, "same container");
        await using var two = await LinkPairPeer.ConnectAsync(Endpoint, "same container");
        await one.AskAsync("200", "GET", "/queues/honest");
        await two.AskAsync("200", "GET", "/queues/honest");
    }

    [Test]
    public async Task The_number_of_pairs_is_bounded()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        for (var i = 0u; i < 16; i++)
        {
            await peer.SendAsync(LinkPairPeer.Requests(name: $"pair {i}", handle: i));
            Assert.That((await peer.NextAsync<Attach>()).Target, Is.Not.Null);
        }

        await peer.SendAsync(LinkPairPeer.Requests(name: "one too many", handle: 16));
        await peer.NextAsync<Attach>();
        Assert.That((await peer.NextAsync<Detach>()).Error!.Condition, Is.EqualTo(ErrorCondition.ResourceLimitExceeded));
    }

    [Test]
    public async Task A_response_that_the_client_does_not_take_is_said_to_be_too_large()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(LinkPairPeer.Requests(), LinkPairPeer.Responses(maxMessageSize: 150), Frames.Credit(LinkPairPeer.In, 10));
        await peer.NextAsync<Attach>();
        await peer.NextAsync<Attach>();
        await peer.SendAsync(Frames.Transfer(LinkPairPeer.Out, 0, LinkPairPeer.Request("one", "GET", "/queues/honest"), settled: true));
        var response = await peer.ReceiveAsync();
        Assert.That(response.Message.Properties!.Subject, Is.EqualTo("400"));
        Assert.That(response.Body, Does.Contain("max-message-size"));
    }

    [TestCase("GET", "/nothing/here", "404", "/queues/NAME")]
    [TestCase("GET", "queues/honest", "404", "/queues/NAME")]
    [TestCase("", "", "404", "/queues/NAME")]
    [TestCase("PATCH", "/queues/honest", "405", "GET, PUT, DELETE")]
    [TestCase("GET", "/queues/honest/messages", "405", "DELETE")]
    [TestCase("GET", "/queues/%zz", "400", "percent")]
    [TestCase("PUT", "/queues/no-body", "400", "map")]
    [TestCase("PUT", "/auth/tokens", "501", "credentials")]
    public async Task What_cannot_be_answered_says_what_can(string method, string target, string status, string text)
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        Assert.That((await pair.AskAsync(status, method, target)).Text, Does.Contain(text));
    }

    [Test]
    public async Task What_is_no_message_ends_the_link_only()
    {
        await using var pair = await LinkPairPeer.ConnectAsync(Endpoint);
        await pair.Raw.SendAsync(Frames.Transfer(LinkPairPeer.Out, 0, [0, 1, 2], settled: true));
        var detach = await pair.Raw.NextAsync<Detach>();
        Assert.That(detach.Handle, Is.EqualTo(LinkPairPeer.Out));
        Assert.That(detach.Error, Is.Not.Null);
    }

    [Test]
    public async Task An_address_of_the_node_alone_takes_no_messages()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.AttachRelayAsync(1);
        var request = LinkPairPeer.Request("one", "GET", "/management");
        var outcome = await peer.PublishAsync(1, 0, request) as Rejected;
        Assert.That(outcome?.Error?.Condition, Is.EqualTo(ErrorCondition.PreconditionFailed));
    }
}
