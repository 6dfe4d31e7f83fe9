namespace Mamba.Broker.Engine.Tests;

internal sealed class TemporaryNodeTests
{
    [Test]
    public async Task What_expires_on_a_temporary_node_is_dropped_and_what_is_rejected_is_kept([Values] NodeKind kind)
    {
        await using var bed = new TestBed();
        var node = await bed.Engine.CreateTemporaryAsync(kind, LifetimePolicy.DeleteOnClose, new object());
        var consumer = TestBed.Consume(node);
        bed.Publish(node, "bad");
        bed.Publish(node, "late", ttl: 1_000);
        consumer.SettleAndWait(new Settlement(consumer.Take().Token, OutcomeKind.Rejected));
        bed.Clock.Advance(TimeSpan.FromSeconds(2));
        TestBed.WaitUntil(() => node.Describe() is { Expired: 1, Depth: 0 }, "the end of the one that expired");
        Assert.That(bed.Drain("DLQ.temporary"), Has.Count.EqualTo(1).And.One.StartsWith("bad|Rejected"));
    }

    [Test]
    public async Task Names_are_long_and_unlike_each_other_and_nothing_is_journaled()
    {
        await using var bed = new TestBed();
        var first = await bed.Engine.CreateTemporaryAsync(NodeKind.Queue, LifetimePolicy.DeleteOnClose, this);
        var second = await bed.Engine.CreateTemporaryAsync(NodeKind.Topic, LifetimePolicy.DeleteOnClose, this);
        Assert.Multiple(() =>
        {
            Assert.That(first.Address, Does.Match("^temp-[0-9a-f]{32}$"));
            Assert.That(second.Address, Is.Not.EqualTo(first.Address));
            Assert.That((first.IsTemporary, first.Owner), Is.EqualTo((true, (object)this)));
            Assert.That(bed.Publish(first, "a"), Is.EqualTo(PublishOutcome.Accepted));
        });
        await bed.RestartAsync();
        Assert.That(bed.Engine.Find(first.Address), Is.Null);
    }

    [Test]
    public async Task Delete_on_close()
    {
        await using var bed = new TestBed();
        var node = await bed.Engine.CreateTemporaryAsync(NodeKind.Queue, LifetimePolicy.DeleteOnClose, this);
        var consumer = TestBed.Consume(node);
        bed.Publish(node, "a");
        bed.Engine.CloseOwner(new object());
        Assert.That(node.IsDeleted, Is.False);
        bed.Engine.CloseOwner(this);
        Assert.That((node.IsDeleted, consumer.NodeDeleted, bed.Engine.Find(node.Address)), Is.EqualTo((true, true, (IMessageNode?)null)));
    }

    [Test]
    public async Task The_nodes_of_an_owner_go_over_to_another_who_ends_them()
    {
        await using var bed = new TestBed();
        var (first, second) = (new object(), new object());
        var one = await bed.Engine.CreateTemporaryAsync(NodeKind.Queue, LifetimePolicy.DeleteOnClose, first);
        var two = await bed.Engine.CreateTemporaryAsync(NodeKind.Topic, LifetimePolicy.DeleteOnClose, second);
        Assert.That(bed.Engine.TransferOwner(first, second), Is.True);
        Assert.That(one.Owner, Is.SameAs(second));
        Assert.That(bed.Engine.TransferOwner(first, new object()), Is.False, "it has none any more");
        bed.Engine.CloseOwner(first);
        Assert.That((one.IsDeleted, two.IsDeleted), Is.EqualTo((false, false)));
        bed.Engine.CloseOwner(second);
        Assert.That((one.IsDeleted, two.IsDeleted), Is.EqualTo((true, true)));
        Assert.That(bed.Engine.TransferOwner(second, first), Is.False, "they are gone");
    }

    [Test]
    public async Task An_unattended_queue_takes_so_many_bytes_until_its_owner_is_back()
    {
        await using var bed = new TestBed();
        var (owner, back) = (new object(), new object());
        var node = await bed.Engine.CreateTemporaryAsync(NodeKind.Queue, LifetimePolicy.DeleteOnClose, owner);
        bed.Engine.LeaveUnattended(owner, 10);
        Assert.That(bed.PublishAll(node, ["12345678"]), Is.All.EqualTo(PublishOutcome.Accepted));
        Assert.That(bed.PublishAll(node, ["12345678"]), Is.All.EqualTo(PublishOutcome.Accepted), "less than the limit was there");
        Assert.That(bed.Publish(node, "x"), Is.EqualTo(PublishOutcome.RejectedFull));
        Assert.That(bed.Engine.TransferOwner(owner, back), Is.True);
        Assert.That(bed.Publish(node, "x"), Is.EqualTo(PublishOutcome.Accepted));
        bed.Engine.CloseOwner(back);
        Assert.That(bed.Publish(node, "x"), Is.EqualTo(PublishOutcome.NotFound));
    }

    [Test]
    public async Task A_deleted_queue_stays_deleted_whatever_is_said_of_its_owner()
    {
        await using var bed = new TestBed();
        var node = await bed.Engine.CreateTemporaryAsync(NodeKind.Queue, LifetimePolicy.DeleteOnNoLinks, this);
        bed.Engine.CloseOwner(this);
        bed.Engine.LeaveUnattended(this, 10);
        bed.Engine.TransferOwner(this, new object());
        Assert.That(bed.Publish(node, "x"), Is.EqualTo(PublishOutcome.NotFound));
    }

    [Test]
    public async Task Delete_on_no_links()
    {
        await using var bed = new TestBed();
        var node = await bed.Engine.CreateTemporaryAsync(NodeKind.Queue, LifetimePolicy.DeleteOnNoLinks, this);
        var consumer = TestBed.Consume(node);
        var producer = new SilentProducer();
        node.AddProducer(producer);
        bed.Publish(node, "a");
        bed.Engine.CloseOwner(this);
        consumer.Close();
        Assert.That(node.IsDeleted, Is.False);
        node.RemoveProducer(producer);
        Assert.That(node.IsDeleted, Is.True);
    }

    [Test]
    public async Task Delete_on_no_messages()
    {
        await using var bed = new TestBed();
        var node = await bed.Engine.CreateTemporaryAsync(NodeKind.Queue, LifetimePolicy.DeleteOnNoMessages, this);
        var consumer = TestBed.Consume(node);
        bed.Publish(node, "a");
        bed.Engine.CloseOwner(this);
        Assert.That(node.IsDeleted, Is.False);
        consumer.Accept(consumer.Take());
        Assert.That((node.IsDeleted, consumer.NodeDeleted), Is.EqualTo((true, true)));
    }

    [Test]
    public async Task Delete_on_no_links_or_messages([Values] bool messageFirst)
    {
        await using var bed = new TestBed();
        var node = await bed.Engine.CreateTemporaryAsync(NodeKind.Queue, LifetimePolicy.DeleteOnNoLinksOrMessages, this);
        var consumer = TestBed.Consume(node);
        bed.Publish(node, "a");
        bed.Engine.CloseOwner(this);
        if (messageFirst)
        {
            consumer.Accept(consumer.Take());
            Assert.That(node.IsDeleted, Is.False);
            consumer.Close();
        }
        else
        {
            consumer.Close();
            Assert.That(node.IsDeleted, Is.False);
            await bed.Engine.PurgeAsync(node.Address);
        }

        Assert.That(node.IsDeleted, Is.True);
    }

    [Test]
    public async Task A_node_that_meets_its_policy_waits_for_its_owner()
    {
        await using var bed = new TestBed();
        var node = await bed.Engine.CreateTemporaryAsync(NodeKind.Topic, LifetimePolicy.DeleteOnNoLinks, this);
        TestBed.Consume(node).Close();
        Assert.That(node.IsDeleted, Is.False);
        bed.Engine.CloseOwner(this);
        Assert.That(node.IsDeleted, Is.True);
    }

    [Test]
    public async Task Rejected_on_a_temporary_queue_goes_to_a_common_dead_letter_queue()
    {
        await using var bed = new TestBed();
        var node = await bed.Engine.CreateTemporaryAsync(NodeKind.Queue, LifetimePolicy.DeleteOnClose, this);
        bed.Publish(node, "a");
        var consumer = TestBed.Consume(node);
        consumer.SettleAndWait(new Settlement(consumer.Take().Token, OutcomeKind.Rejected));
        Assert.That(bed.DepthOf("DLQ.temporary"), Is.EqualTo(1));
    }

    [Test]
    public async Task Producers_are_told_that_their_node_is_deleted()
    {
        await using var bed = new TestBed();
        var node = await bed.Engine.CreateTemporaryAsync(NodeKind.Topic, LifetimePolicy.DeleteOnClose, this);
        var producer = new SilentProducer();
        node.AddProducer(producer);
        bed.Engine.CloseOwner(this);
        Assert.That((node.IsDeleted, producer.Told), Is.EqualTo((true, 1)));
    }

    private sealed class SilentProducer : IProducer
    {
        public int Told { get; private set; }

        public void OnNodeDeleted() => Told++;

        public void OnFull() => Told++;

        public void OnRoom() => Told++;
    }
}
