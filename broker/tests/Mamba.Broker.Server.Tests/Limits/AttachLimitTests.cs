using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;
using Mamba.Broker.Server.Tests.Peers;

namespace Mamba.Broker.Server.Tests.Limits;

/// <summary>Sessions and links up to the limits, names and numbers at the ends of their ranges.</summary>
[TestFixture]
internal sealed class AttachLimitTests : RunningBroker
{
    public static IEnumerable<TestCaseData> Addresses
    {
        get
        {
            (string Name, string Address)[] addresses =
            [
                ("empty", ""),
                ("a prefix only", "queue://"),
                ("256 characters", new string('a', 256)),
                ("10,000 characters", new string('a', 10_000)),
                ("a line feed", "a\nb"),
                ("NUL", "a\0b"),
                ("escape", "\u001b[31mred"),
                ("delete", "a\u007f"),
                ("a C1 control", "a\u0085b"),
            ];
            return from address in addresses
                   from role in new[] { Role.Sender, Role.Receiver }
                   select new TestCaseData(address.Address, role).SetArgDisplayNames(address.Name, role.ToString());
        }
    }

    [TestCaseSource(nameof(Addresses))]
    public async Task An_address_that_cannot_be_is_refused(string address, Role role)
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(role == Role.Sender ? Frames.Sender(0, address, "link") : Frames.Receiver(0, address, "link"));
        var attach = await peer.NextAsync<Attach>();
        var detach = await peer.NextAsync<Detach>();
        Assert.That((object?)(role == Role.Sender ? attach.Target : attach.Source), Is.Null);
        Assert.That((detach.Closed, detach.Error?.Condition.Value), Is.EqualTo((true, "amqp:invalid-field")), detach.Error?.Description);
        await peer.SendAsync(Frames.Detach(0));
        await AssertServesAsync(peer);
    }

    [Test]
    public async Task An_address_of_255_characters_is_one()
    {
        var address = new string('b', 255);
        await Filler.FillAsync(Endpoint, address, 1, static _ => Frames.Message("x"));
        Assert.That(await TakeAllAsync(address, 1), Is.EqualTo(1));
    }

    [Test]
    public async Task All_sessions_there_may_be_are_served_and_the_last_one_too()
    {
        await using var peer = await RawPeer.OpenAsync(Endpoint);
        for (ushort channel = 0; channel < 64; channel++)
        {
            await peer.SendAsync(Frames.Begin(channel), Frames.Sender(0, "sessions", $"link-{channel}", channel));
            Assert.That((await peer.NextAsync<Begin>()).RemoteChannel, Is.EqualTo(channel));
            await peer.NextAsync<Attach>();
        }

        await peer.SendAsync(Frames.End(63));
        await peer.NextAsync<End>();
        await peer.SendAsync(Frames.Begin(63));
        await peer.NextAsync<Begin>();
        await peer.SendAsync(Frames.Begin(64));
        Assert.That((await peer.NextAsync<Close>()).Error?.Condition.Value, Is.EqualTo("amqp:connection:framing-error"));
    }

    [Test]
    public async Task All_links_there_may_be_on_a_session_are_served()
    {
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync([.. Enumerable.Range(0, 256).Select(static i => Frames.Sender((uint)i, "many-links"))]);
        var handles = new HashSet<uint>();
        for (var i = 0; i < 256; i++)
        {
            // In any order: while the node is made, those that ask later need not wait behind those that asked first.
            handles.Add((await peer.NextAsync<Attach>()).Handle);
        }

        Assert.That(handles, Has.Count.EqualTo(256));
        await peer.SendAsync([.. Enumerable.Range(0, 256).Select(static i => Frames.Transfer((uint)i, (uint)i, Frames.Message($"{i}"), settled: true))]);
        Assert.That(await TakeAllAsync("many-links", 256), Is.EqualTo(256));
        await peer.CloseAsync();
    }

    [Test]
    public async Task An_unsettled_map_of_5_000_entries_is_no_reason_to_refuse_and_is_not_sent_back()
    {
        var unsettled = new AmqpMap();
        for (var i = 0; i < 5_000; i++)
        {
            unsettled.Add(BitConverter.GetBytes(i), new DescribedValue(0x24ul, new List<object?>()));
        }

        foreach (var role in new[] { Role.Sender, Role.Receiver })
        {
            await using var peer = await RawPeer.BeginAsync(Endpoint);
            await peer.SendAsync(Frames.Of(new Attach
            {
                Name = "resumed",
                Role = role,
                Source = new Source { Address = "resumed" },
                Target = new Target { Address = "resumed" },
                InitialDeliveryCount = role == Role.Sender ? 5_000 : null,
                Unsettled = unsettled,
            }));
            var reply = await peer.NextAsync<Attach>();
            Assert.That((reply.Unsettled?.Count ?? 0, reply.IncompleteUnsettled), Is.EqualTo((0, false)));
            await AssertServesAsync(peer);
        }
    }

    [Test]
    public async Task A_link_name_of_64_KiB_is_a_name()
    {
        var name = new string('n', 65_536);
        await using var peer = await RawPeer.BeginAsync(Endpoint);
        await peer.SendAsync(Frames.Sender(0, "named", name));
        Assert.That((await peer.NextAsync<Attach>()).Name, Is.EqualTo(name));
        await peer.CreditAsync(0);
        Assert.That(await peer.PublishAsync(0, 0, Frames.Message("x")), Is.InstanceOf<Accepted>());
        await AssertServesAsync(peer, nextId: 1);
    }

    /// <summary>The peer's counters begin where they soon wrap (AMQP 1.0 §2.8.8 to §2.8.10).</summary>
    [TestCase(4_294_967_290u)]
    [TestCase(2_147_483_640u)]
    public async Task Counters_that_wrap_are_followed(uint start)
    {
        await using var peer = await RawPeer.OpenAsync(Endpoint);
        await peer.SendAsync(Frames.Of(new Begin { NextOutgoingId = start, IncomingWindow = 1_000, OutgoingWindow = 1_000 }));
        await peer.NextAsync<Begin>();
        await peer.SendAsync(Frames.Of(new Attach
        {
            Name = "wrap",
            Role = Role.Sender,
            Source = new Source { Address = "here" },
            Target = new Target { Address = $"wrap-{start}" },
            InitialDeliveryCount = start,
        }));
        await peer.NextAsync<Attach>();
        await peer.CreditAsync(0);
        for (uint i = 0; i < 20; i++)
        {
            await peer.SendAsync(Frames.Transfer(0, start + i, Frames.Message($"{i}")));
            var disposition = await peer.NextAsync<Disposition>();
            Assert.That((disposition.First, disposition.State), Is.EqualTo((start + i, (object)Accepted.Instance)));
        }

        await peer.CloseAsync();
        Assert.That(await TakeAllAsync($"wrap-{start}", 20), Is.EqualTo(20));
    }

    /// <summary>65,535 sessions in one breath: the first that is too many ends the connection.</summary>
    [Test]
    public async Task A_flood_of_begins_costs_one_connection()
    {
        var before = ResidentBytes();
        for (var round = 0; round < 5; round++)
        {
            await using var peer = await RawPeer.OpenAsync(Endpoint);
            await peer.TrySendAsync([.. Enumerable.Range(0, 65_536).Select(static c => Frames.Begin((ushort)c))]);
            var answer = await peer.ReadToEndAsync();
            Assert.That(answer.Count(static f => f.Performative is Begin), Is.EqualTo(64));
            Assert.That((answer[^1].Performative as Close)?.Error?.Condition.Value, Is.EqualTo("amqp:connection:framing-error"));
        }

        Assert.That(ResidentBytes() - before, Is.LessThan(64 * 1024 * 1024));
    }

    private static async Task AssertServesAsync(RawPeer peer, uint nextId = 0)
    {
        await peer.AttachSenderAsync(9, "serves");
        Assert.That(await peer.PublishAsync(9, nextId, Frames.Message("x")), Is.InstanceOf<Accepted>());
        await peer.CloseAsync();
    }
}
