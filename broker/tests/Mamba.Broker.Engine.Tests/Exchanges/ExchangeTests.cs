using System.Text;

namespace Mamba.Broker.Engine.Tests.Exchanges;

/// <summary>Exchanges and bindings: where messages go, all of it or nothing, and what is left after a restart.</summary>
internal sealed class ExchangeTests
{
    [TestCase(ExchangeType.Direct, "a.b", "a.b", true)]
    [TestCase(ExchangeType.Direct, "a.b", "a.c", false)]
    [TestCase(ExchangeType.Direct, "*", "a", false)]
    [TestCase(ExchangeType.Direct, "", "", true)]
    [TestCase(ExchangeType.Fanout, "a", "b", true)]
    [TestCase(ExchangeType.Topic, "a.*", "a.b", true)]
    [TestCase(ExchangeType.Topic, "a.*", "a.b.c", false)]
    [TestCase(ExchangeType.Topic, "a.*", "a", false)]
    [TestCase(ExchangeType.Topic, "a.#", "a", true)]
    [TestCase(ExchangeType.Topic, "#.c", "a.b.c", true)]
    [TestCase(ExchangeType.Topic, "#", "", true)]
    [TestCase(ExchangeType.Topic, "", "", true)]
    [TestCase(ExchangeType.Topic, "*", "", false)]
    [TestCase(ExchangeType.Topic, "a#", "ab", false)]
    public async Task A_key_leads_where_the_type_says(ExchangeType type, string bound, string key, bool arrives)
    {
        await using var bed = await WithAsync(("x", type));
        await bed.QueueAsync();
        await BindAsync(bed, "x", "q", bound);
        Assert.That(Publish(bed, "x", key, "1"), Is.EqualTo(arrives ? PublishOutcome.Accepted : PublishOutcome.Unroutable));
        Assert.That(bed.Drain("q"), Is.EqualTo(arrives ? ["1"] : Array.Empty<string>()));
    }

    [Test]
    public async Task A_queue_gets_a_message_once_however_many_bindings_lead_there([Values] bool durable)
    {
        await using var bed = await WithAsync(("x", ExchangeType.Topic), ("y", ExchangeType.Fanout));
        await bed.QueueAsync();
        await bed.QueueAsync("r");
        await BindAsync(bed, "x", "q", "a.*");
        await BindAsync(bed, "x", "q", "#");
        await BindAsync(bed, "x", "y", "a.b", toExchange: true);
        await BindAsync(bed, "y", "q", "");
        await BindAsync(bed, "y", "r", "");
        Publish(bed, "x", "a.b", "1", durable);
        Assert.That((bed.Drain("q"), bed.Drain("r")), Is.EqualTo((new[] { "1" }, new[] { "1" })));
    }

    [Test]
    public async Task Exchanges_bound_in_a_circle_come_to_an_end()
    {
        await using var bed = await WithAsync(("x", ExchangeType.Fanout), ("y", ExchangeType.Headers));
        await bed.QueueAsync();
        await BindAsync(bed, "x", "y", "", toExchange: true);
        await BindAsync(bed, "y", "x", "", toExchange: true);
        await BindAsync(bed, "y", "y", "", toExchange: true);
        await BindAsync(bed, "y", "q", "", filter: "a");
        Assert.That((Publish(bed, "x", "", "a1"), Publish(bed, "x", "", "b1")), Is.EqualTo((PublishOutcome.Accepted, PublishOutcome.Unroutable)));
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "a1" }));
    }

    [Test]
    public async Task Filters_choose_for_each_message()
    {
        await using var bed = await WithAsync(("x", ExchangeType.Headers), ("y", ExchangeType.Fanout));
        foreach (var queue in new[] { "a", "all", "behind" })
        {
            await bed.QueueAsync(queue);
        }

        await BindAsync(bed, "x", "a", "", filter: "a");
        await BindAsync(bed, "x", "all", "");
        await BindAsync(bed, "x", "y", "", toExchange: true, filter: "b");
        await BindAsync(bed, "y", "behind", "");
        foreach (var text in new[] { "a1", "b1", "c1" })
        {
            Publish(bed, "x", "", text);
        }

        Assert.That((bed.Drain("a"), bed.Drain("all"), bed.Drain("behind")), Is.EqualTo((new[] { "a1" }, new[] { "a1", "b1", "c1" }, new[] { "b1" })));
        Assert.ThrowsAsync<EngineException>(() => BindAsync(bed, "x", "a", "", filter: "?"));
    }

    [Test]
    public async Task One_full_queue_refuses_the_message_for_all([Values] bool durable)
    {
        await using var bed = await WithAsync(("x", ExchangeType.Fanout));
        await bed.QueueAsync();
        await bed.QueueAsync("small", new NodeOptions { MaxMessages = 1 });
        await BindAsync(bed, "x", "q", "");
        await BindAsync(bed, "x", "small", "");
        Assert.That((Publish(bed, "x", "", "1", durable), Publish(bed, "x", "", "2", durable)), Is.EqualTo((PublishOutcome.Accepted, PublishOutcome.RejectedFull)));
        Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "1" }));
        Assert.That(bed.Drain("small"), Is.EqualTo(new[] { "1" }));
        Assert.That(Publish(bed, "x", "", "3", durable), Is.EqualTo(PublishOutcome.Accepted));
    }

    [Test]
    public async Task What_changes_counts_for_who_publishes_already()
    {
        await using var bed = await WithAsync(("x", ExchangeType.Direct));
        await bed.QueueAsync();
        var route = bed.Engine.FindRoute("x", "k")!;
        Assert.That(bed.Publish(route, "1"), Is.EqualTo(PublishOutcome.Unroutable));
        await BindAsync(bed, "x", "q", "k");
        Assert.That(bed.Publish(route, "2"), Is.EqualTo(PublishOutcome.Accepted));
        await bed.Engine.UnbindAsync(new BindingOptions("x", "q", false, "k"));
        Assert.That(bed.Publish(route, "3"), Is.EqualTo(PublishOutcome.Unroutable));
        await BindAsync(bed, "x", "q", "k");
        await bed.Engine.DeleteAsync("q");
        Assert.That(bed.Publish(route, "4"), Is.EqualTo(PublishOutcome.Unroutable));
        await bed.QueueAsync();
        Assert.That(bed.Publish(route, "5"), Is.EqualTo(PublishOutcome.Unroutable), "a new queue of the name is not the one that was bound");
        await bed.Engine.DeleteExchangeAsync("x");
        Assert.That((bed.Publish(route, "6"), route.IsDeleted), Is.EqualTo((PublishOutcome.NotFound, true)));
    }

    [Test]
    public async Task A_transaction_publishes_at_commit()
    {
        await using var bed = await WithAsync(("x", ExchangeType.Fanout));
        await bed.QueueAsync();
        await bed.QueueAsync("r");
        await BindAsync(bed, "x", "q", "");
        await BindAsync(bed, "x", "r", "");
        var unit = bed.Engine.BeginTransaction();
        Assert.That(unit.AddPublish(bed.Engine.FindRoute("x", "")!, bed.Message("1")), Is.EqualTo(PublishOutcome.Accepted));
        Assert.That(bed.Drain("q"), Is.Empty);
        var ended = new CommitRecorder();
        unit.Commit(ended);
        Assert.That((await ended.Task.WaitAsync(TimeSpan.FromSeconds(60))).Outcome, Is.EqualTo(CommitOutcome.Committed));
        Assert.That((bed.Drain("q"), bed.Drain("r")), Is.EqualTo((new[] { "1" }, new[] { "1" })));
    }

    [Test]
    public async Task Durable_ones_are_there_after_a_restart_and_a_crash()
    {
        await using var bed = await WithAsync(("x", ExchangeType.Topic), ("h", ExchangeType.Headers), ("gone", ExchangeType.Fanout));
        await bed.Engine.DeclareExchangeAsync(new ExchangeOptions("passing", ExchangeType.Fanout) { Durable = false });
        await bed.QueueAsync();
        await bed.QueueAsync("r", new NodeOptions { Durable = false });
        await BindAsync(bed, "x", "q", "a.#");
        await BindAsync(bed, "x", "q", "b");
        await BindAsync(bed, "x", "r", "c");
        await BindAsync(bed, "x", "h", "d", toExchange: true);
        await BindAsync(bed, "h", "q", "", filter: "f");
        await BindAsync(bed, "amq.direct", "q", "built-in");
        await BindAsync(bed, "gone", "q", "");
        await bed.Engine.UnbindAsync(new BindingOptions("x", "q", false, "b"));
        await bed.Engine.DeleteExchangeAsync("gone");
        for (var round = 0; round < 3; round++)
        {
            await (round switch { 0 => bed.RestartAsync(), 1 => bed.CrashAsync(), _ => CompactAndRestartAsync(bed) });
            Assert.That((bed.Engine.FindExchange("x")?.Type, bed.Engine.FindExchange("gone"), bed.Engine.FindExchange("passing")), Is.EqualTo(((ExchangeType?)ExchangeType.Topic, (ExchangeOptions?)null, (ExchangeOptions?)null)));
            Assert.That(bed.Engine.ListBindings("x"), Is.EquivalentTo(new[] { new BindingOptions("x", "q", false, "a.#"), new BindingOptions("x", "h", true, "d") }));
            Publish(bed, "x", "a.1", "1");
            Publish(bed, "x", "d", "f2");
            Publish(bed, "x", "d", "2");
            Publish(bed, "amq.direct", "built-in", "3");
            Assert.That(bed.Drain("q"), Is.EqualTo(new[] { "1", "f2", "3" }));
            await bed.UntilWrittenAsync();
        }
    }

    [Test]
    public async Task A_queue_that_was_deleted_takes_its_bindings_with_it_for_good()
    {
        await using var bed = await WithAsync(("x", ExchangeType.Fanout));
        await bed.QueueAsync();
        await BindAsync(bed, "x", "q", "");
        await bed.Engine.DeleteAsync("q");
        await bed.QueueAsync();
        await bed.RestartAsync();
        Assert.That((bed.Engine.ListBindings("x"), bed.Engine.Find("q")), Is.EqualTo((Array.Empty<BindingOptions>(), bed.Engine.Find("q"))));
        Assert.That(Publish(bed, "x", "", "1"), Is.EqualTo(PublishOutcome.Unroutable));
    }

    [Test]
    public async Task An_exchange_that_is_to_go_with_its_last_binding_goes_and_so_on()
    {
        await using var bed = await WithAsync();
        await bed.Engine.DeclareExchangeAsync(new ExchangeOptions("first", ExchangeType.Fanout) { AutoDelete = true });
        await bed.Engine.DeclareExchangeAsync(new ExchangeOptions("second", ExchangeType.Fanout) { AutoDelete = true });
        await bed.QueueAsync();
        await BindAsync(bed, "first", "second", "", toExchange: true);
        await BindAsync(bed, "second", "q", "");
        await bed.Engine.DeleteAsync("q");
        Assert.That((bed.Engine.FindExchange("first"), bed.Engine.FindExchange("second")), Is.EqualTo(((ExchangeOptions?)null, (ExchangeOptions?)null)));
        await bed.RestartAsync();
        Assert.That(bed.Engine.FindExchange("first"), Is.Null);
    }

    [Test]
    public async Task Bindings_to_an_exclusive_queue_end_with_it()
    {
        await using var bed = await WithAsync(("x", ExchangeType.Fanout));
        await bed.Engine.DeclareExchangeAsync(new ExchangeOptions("passing", ExchangeType.Fanout) { AutoDelete = true });
        var owner = new object();
        Assert.That(await bed.Engine.TryCreateExclusiveAsync("mine", new NodeOptions(), owner), Is.Not.Null);
        Assert.That(await bed.Engine.TryCreateExclusiveAsync("mine", new NodeOptions(), owner), Is.Null);
        await BindAsync(bed, "x", "mine", "");
        await BindAsync(bed, "passing", "mine", "");
        Assert.That(Publish(bed, "x", "", "1"), Is.EqualTo(PublishOutcome.Accepted));
        bed.Engine.CloseOwner(owner);
        Assert.That((bed.Engine.Find("mine"), bed.Engine.ListBindings("x")), Is.EqualTo(((IMessageNode?)null, Array.Empty<BindingOptions>())));
        TestBed.WaitUntil(() => bed.Engine.FindExchange("passing") is null, "the exchange to go with its last binding");
    }

    [Test]
    public async Task Declarations_are_repeatable_and_differences_named()
    {
        await using var bed = await WithAsync(("x", ExchangeType.Fanout));
        await bed.Engine.DeclareExchangeAsync(new ExchangeOptions("x", ExchangeType.Fanout));
        await bed.Engine.DeclareExchangeAsync(new ExchangeOptions("amq.topic", ExchangeType.Topic));
        var refused = Assert.ThrowsAsync<EngineException>(() => bed.Engine.DeclareExchangeAsync(new ExchangeOptions("x", ExchangeType.Topic)));
        Assert.That((refused.Error, refused.Message), Is.EqualTo((EngineError.Mismatch, refused.Message)));
        Assert.That(refused.Message, Does.Contain("received 'topic' but current is 'fanout'"));
        await bed.QueueAsync();
        await BindAsync(bed, "x", "q", "");
        await BindAsync(bed, "x", "q", "");
        Assert.That(bed.Engine.ListBindings("x"), Has.Count.EqualTo(1));
        Assert.That(Assert.ThrowsAsync<EngineException>(() => BindAsync(bed, "nope", "q", ""))!.Message, Does.Contain("no exchange 'nope'"));
        Assert.That(Assert.ThrowsAsync<EngineException>(() => BindAsync(bed, "x", "nope", ""))!.Message, Does.Contain("no queue 'nope'"));
        Assert.That(Assert.ThrowsAsync<EngineException>(() => bed.Engine.DeleteExchangeAsync("amq.topic"))!.Error, Is.EqualTo(EngineError.NotAllowed));
    }

    [Test]
    public async Task Dead_letters_follow_an_exchange_to_its_only_queue()
    {
        await using var bed = await WithAsync(("dlx", ExchangeType.Direct));
        var options = new NodeOptions { DeadLetterAddress = ExchangeAddress.Format("dlx", "dead one") };
        var queue = await bed.QueueAsync("q", options);
        await bed.QueueAsync("graves");
        bed.Publish(queue, "1");
        Reject(queue);
        TestBed.WaitUntil(() => bed.DepthOf("DLQ.q") == 1, "the dead letter of an exchange that leads nowhere");
        await BindAsync(bed, "dlx", "graves", "dead one");
        bed.Publish(queue, "2");
        Reject(queue);
        TestBed.WaitUntil(() => bed.DepthOf("graves") == 1, "the dead letter at the queue that is bound");
        await bed.QueueAsync("more");
        await BindAsync(bed, "dlx", "more", "dead one");
        bed.Publish(queue, "3");
        Reject(queue);
        TestBed.WaitUntil(() => bed.DepthOf("DLQ.q") == 2, "the dead letter of an exchange that leads to two");
    }

    [TestCase("plain", "plain")]
    [TestCase("a b/c", "a%20b%2Fc")]
    [TestCase("é+;=", "%C3%A9%2B%3B%3D")]
    public void Names_are_percent_encoded(string name, string encoded)
    {
        Assert.That((PercentText.Encode(name), PercentText.Decode(encoded), PercentText.Decode(encoded.ToLowerInvariant())), Is.EqualTo((encoded, name, name)));
        Assert.That(ExchangeAddress.Parse(ExchangeAddress.Format(name, name)), Is.EqualTo((name, name)));
        Assert.That(ExchangeAddress.Parse(ExchangeAddress.Format(name, "")), Is.EqualTo((name, "")));
    }

    [TestCase("%")]
    [TestCase("a%2")]
    [TestCase("%zz")]
    [TestCase("%ff")]
    [TestCase("%+1")]
    public void What_is_not_percent_encoded_is_told(string text) => Assert.That(PercentText.Decode(text), Is.Null);

    private static async Task<TestBed> WithAsync(params (string Name, ExchangeType Type)[] exchanges)
    {
        var bed = new TestBed();
        foreach (var (name, type) in exchanges)
        {
            await bed.Engine.DeclareExchangeAsync(new ExchangeOptions(name, type));
        }

        return bed;
    }

    private static Task BindAsync(TestBed bed, string exchange, string destination, string key, bool toExchange = false, string filter = "") =>
        bed.Engine.BindAsync(new BindingOptions(exchange, destination, toExchange, key) { Filter = Encoding.UTF8.GetBytes(filter) });

    private static PublishOutcome Publish(TestBed bed, string exchange, string key, string text, bool durable = true) =>
        bed.Publish(bed.Engine.FindRoute(exchange, key)!, text, durable);

    private static async Task CompactAndRestartAsync(TestBed bed)
    {
        await bed.Engine.CompactAsync();
        await bed.RestartAsync();
    }

    private static void Reject(IMessageNode queue)
    {
        var consumer = TestBed.Consume(queue);
        consumer.Settle(new Settlement(consumer.Take().Token, OutcomeKind.Rejected));
        consumer.Close();
    }
}
