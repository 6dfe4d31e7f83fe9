using Mamba.Amqp.Conformance.Running;
using Mamba.Amqp.Conformance.Wire;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Transport;
using Mamba.Amqp.Types;

namespace Mamba.Amqp.Conformance.Filters;

/// <summary>Filters other than the grammar of selectors (AMQP 1.0 §3.5.1, the filter expressions draft, the Apache registry).</summary>
public static class FilterCases
{
    [Case("FILTER-01", "3.5.1", "The answer has the filter as it was asked for: key, descriptor and value")]
    public static async Task Confirmed(CaseContext c)
    {
        var receiver = await SelectorFamily.FilteredAsync(await c.BeginAsync(), await c.QueueAsync(), "jms-selector", FilterDescriptors.SelectorCode, "n = 1");
        var filter = receiver.Remote.Source!.Filter!;
        Check.Equal(filter.Count, 1);
        Check.Equal(Check.Is<DescribedValue>(filter[new Symbol("jms-selector")], "the filter").Value, "n = 1");
    }

    [Case("FILTER-02", "3.5.1", "A filter is known by its descriptor, as symbol too, under any key", Traps = "44")]
    public static async Task ByDescriptor(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var receiver = await SelectorFamily.FilteredAsync(session, queue, "my-own-key", FilterDescriptors.Selector, "n = 2");
        await SelectorFamily.SendTenAsync(session, queue);
        Check.Equal(await SelectorFamily.TakeAllAsync(receiver), "2");
    }

    [Case("FILTER-03", "3.5.1", "A selector that is wrong is refused with invalid-field, not ignored")]
    public static async Task WrongSelector(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var works = await SelectorFamily.FilteredAsync(session, queue, "selector", FilterDescriptors.SelectorCode, "n = 1");
        await works.DetachAsync();
        try
        {
            await session.ReceiveFromAsync(queue, static a => a.Source!.Filter = new AmqpMap
            {
                [new Symbol("selector")] = new DescribedValue(FilterDescriptors.SelectorCode, "n = = 1 AND ("),
            });
            throw new CheckFailedException("expected a refusal of a selector that is wrong, and the link was attached");
        }
        catch (RefusedException e)
        {
            Check.Condition(e.Error, ErrorCondition.InvalidField);
        }
    }

    [Case("FILTER-04", "3.5.1", "What a selector does not choose stays for others, and is not chosen when the same is asked again",
        Covers = "messaging.3.5.1-1")]
    public static async Task Stays(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var picky = await SelectorFamily.FilteredAsync(session, queue, "selector", FilterDescriptors.SelectorCode, "n = 7");
        await SelectorFamily.SendTenAsync(session, queue);
        Check.Equal(await SelectorFamily.TakeAllAsync(picky), "7");
        await picky.DetachAsync();
        picky = await SelectorFamily.FilteredAsync(session, queue, "selector", FilterDescriptors.SelectorCode, "n = 7 OR n = 20");
        Check.Equal(await SelectorFamily.TakeAllAsync(picky), "");
        Check.Equal(await SelectorFamily.TakeAllAsync(await session.ReceiveFromAsync(queue)), "012345689");
    }

    [Case("FILTER-05", "3.5.1", "A browser with a selector sees what it chooses and leaves it there")]
    public static async Task Browser(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        await SelectorFamily.SendTenAsync(session, queue);
        var browser = await Session.OptionalAsync(session.ReceiveFromAsync(queue, static a =>
        {
            a.Source!.DistributionMode = "copy";
            a.Source.Filter = new AmqpMap { [new Symbol("selector")] = new DescribedValue(FilterDescriptors.SelectorCode, "n < 3") };
        }), "a browser with a selector");
        if (browser.Remote.Source!.Filter is not { Count: > 0 } || browser.Remote.Source.DistributionMode is not { Value: "copy" })
        {
            throw CaseContext.NotApplicable("the broker does not confirm the filter and copy");
        }

        await SelectorFamily.CheckHonestAsync(session, queue);

        Check.Equal(await SelectorFamily.TakeAllAsync(browser), "012");
        await browser.DetachAsync();
        Check.Equal(await SelectorFamily.TakeAllAsync(await session.ReceiveFromAsync(queue)), "0123456789");
    }

    [Case("FILTER-06", "filtex 4.1", "The properties filter chooses by fields of the properties section")]
    public static Task Properties(CaseContext c) => ChoosesAsync(
        c, "properties", FilterDescriptors.PropertiesCode, new AmqpMap { [new Symbol("subject")] = "subject-4" }, "4");

    [Case("FILTER-07", "filtex 4.1", "The properties filter knows prefix and suffix modifiers")]
    public static Task PropertiesModifiers(CaseContext c) => ChoosesAsync(
        c, "properties", FilterDescriptors.PropertiesCode, new AmqpMap { [new Symbol("subject")] = "&s:-6", [new Symbol("correlation-id")] = "&p:c-" }, "6");

    [Case("FILTER-08", "filtex 4.2", "The application-properties filter chooses by all of its entries")]
    public static Task ApplicationProperties(CaseContext c) => ChoosesAsync(
        c, "application-properties", FilterDescriptors.ApplicationPropertiesCode, new AmqpMap { ["even"] = true, ["name"] = "item-8" }, "8");

    [Case("FILTER-09", "filtex 4.2", "The application-properties filter compares numbers of different types by value")]
    public static Task ApplicationNumbers(CaseContext c) => ChoosesAsync(
        c, "application-properties", FilterDescriptors.ApplicationPropertiesCode, new AmqpMap { ["n"] = 5L }, "5");

    [Case("FILTER-10", "filtex 6", "The SQL filter chooses by application properties and header fields")]
    public static Task Sql(CaseContext c) => ChoosesAsync(c, "sql-filter", FilterDescriptors.SqlCode, "n > 7 AND name LIKE 'item-%'", "89");

    [Case("FILTER-11", "registry", "The legacy direct binding chooses by subject")]
    public static Task Direct(CaseContext c) => ChoosesAsync(c, "apache.org:legacy-amqp-direct-binding:string", FilterDescriptors.DirectBindingCode, "subject-1", "1");

    [Case("FILTER-12", "registry", "The legacy topic binding chooses by a pattern over the subject")]
    public static Task Topic(CaseContext c) => ChoosesAsync(c, "apache.org:legacy-amqp-topic-binding:string", FilterDescriptors.TopicBindingCode, "#", "0123456789");

    [Case("FILTER-13", "registry", "No-local keeps a connection's own messages of a topic from it, and lets others' through", Traps = "43")]
    public static async Task NoLocal(CaseContext c)
    {
        var topic = await c.TopicAsync();
        var session = await c.BeginAsync();
        var receiver = await Session.OptionalAsync(session.ReceiveFromAsync(topic, static a =>
        {
            a.Source!.Capabilities = ["topic"];
            a.Source.Filter = new AmqpMap { [new Symbol("no-local")] = new DescribedValue(FilterDescriptors.NoLocalCode, "NoLocalFilter{}") };
        }), "no-local");
        if (receiver.Remote.Source!.Filter is not { Count: > 0 })
        {
            throw CaseContext.NotApplicable("the broker does not confirm no-local");
        }

        await SelectorFamily.CheckHonestAsync(session, topic);

        await (await session.SendToAsync(topic)).SendAcceptedAsync("own");
        await (await (await c.BeginAsync()).SendToAsync(topic)).SendAcceptedAsync("other's");
        Check.Equal((await receiver.TakeAsync()).Value, "other's");
        await receiver.ExpectEmptyAsync();
    }

    [Case("FILTER-14", "3.5.1", "A selector of 100 000 characters is refused or works; it does no harm")]
    public static async Task Monstrous(CaseContext c)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        await (await SelectorFamily.FilteredAsync(session, queue, "selector", FilterDescriptors.SelectorCode, "n = 1")).DetachAsync();
        var filter = new DescribedValue(FilterDescriptors.SelectorCode, string.Join(" OR ", Enumerable.Repeat("n = 1", 7_000)));
        try
        {
            await session.ReceiveFromAsync(queue, a => a.Source!.Filter = new AmqpMap { [new Symbol("selector")] = filter });
        }
        catch (RefusedException e)
        {
            Check.Condition(e.Error);
        }

        await (await c.OpenAsync()).CloseAsync();
    }

    private static async Task ChoosesAsync(CaseContext c, string key, ulong descriptor, object value, string expected)
    {
        var session = await c.BeginAsync();
        var queue = await c.QueueAsync();
        var receiver = await SelectorFamily.FilteredAsync(session, queue, key, descriptor, value);
        await SelectorFamily.SendTenAsync(session, queue);
        Check.Equal(await SelectorFamily.TakeAllAsync(receiver), expected, "what the filter chooses");
    }
}
