using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Selectors.Filters;
using Mamba.Tools.SelectorFuzz;

namespace Mamba.Broker.Selectors.Tests;

/// <summary>The filters of a source: which are understood, what they match, what of them is stored.</summary>
[TestFixture]
internal sealed class FilterSetTests
{
    private static readonly MessageFacts Message = TestMessage.Of(
        new MessageProperties { Subject = "Order.new", UserId = [1], GroupSequence = 5, CreationTime = new Timestamp(9), MessageId = 7UL, To = "&odd" },
        "region", "emea", "n", 5, "f", 2.5f, "flag", true);

    private static AmqpMap Map(object descriptor, object? value) => new() { { new Symbol("any-key"), new DescribedValue(descriptor, value) } };

    private static bool Matches(AmqpMap filters) => FilterSet.Compile(filters).Selector!.Matches(Message.Input);

    private static AmqpMap Entries(params object?[] namesAndValues)
    {
        var map = new AmqpMap();
        for (var i = 0; i < namesAndValues.Length; i += 2)
        {
            map.Add(namesAndValues[i]!, namesAndValues[i + 1]);
        }

        return map;
    }

    [TestCase(FilterDescriptors.SelectorCode, "region = 'emea'", true)]
    [TestCase(FilterDescriptors.SelectorCode, "region = 'x'", false)]
    [TestCase(FilterDescriptors.SqlCode, "p.subject LIKE 'Order%' AND n = 5", true)]
    [TestCase(FilterDescriptors.SqlCode, "n <> 5", false)]
    [TestCase(FilterDescriptors.DirectBindingCode, "Order.new", true)]
    [TestCase(FilterDescriptors.DirectBindingCode, "Order", false)]
    [TestCase(FilterDescriptors.TopicBindingCode, "Order.*", true)]
    [TestCase(FilterDescriptors.TopicBindingCode, "*.stock.#", false)]
    public void Filters_of_text(ulong code, string text, bool expected) => Assert.That(Matches(Map(code, text)), Is.EqualTo(expected));

    [TestCase("apache.org:selector-filter:string")]
    [TestCase("apache.org:jms-selector-filter:string")]
    [TestCase("amqp:sql-filter")]
    public void Descriptors_may_be_symbols(string descriptor) => Assert.That(Matches(Map(new Symbol(descriptor), "n = 5")), Is.True);

    private static IEnumerable<TestCaseData> HeaderCases()
    {
        yield return new TestCaseData(Entries("region", "emea", "n", 5), true);
        yield return new TestCaseData(Entries("x-match", "all", "region", "emea", "n", 6), false);
        yield return new TestCaseData(Entries(new Symbol("x-match"), new Symbol("any"), new Symbol("region"), "emea", "n", 6), true);
        yield return new TestCaseData(Entries("x-match", "any", "region", "x", "n", 6L), false);
        yield return new TestCaseData(Entries("region", null), true);
        yield return new TestCaseData(Entries("missing", null), false);
        yield return new TestCaseData(Entries("x-other", 1, "flag", true), true);
        yield return new TestCaseData(Entries("x-match", "any"), false);
    }

    [TestCaseSource(nameof(HeaderCases))]
    public void Headers_bindings(AmqpMap headers, bool expected)
    {
        Assert.That(Matches(Map(FilterDescriptors.HeadersBindingCode, headers)), Is.EqualTo(expected));
        Assert.That(Matches(Map(new Symbol("apache.org:legacy-amqp-headers-binding:map"), headers)), Is.EqualTo(expected));
        var stored = FilterSet.Restore(FilterSet.Compile(Map(FilterDescriptors.HeadersBindingCode, headers)).Definition);
        Assert.That(stored.Selector!.Matches(Message.Input), Is.EqualTo(expected), "after a restart");
    }

    [Test]
    public void A_headers_binding_of_nothing_is_for_every_message() =>
        Assert.That(FilterSet.Compile(Map(FilterDescriptors.HeadersBindingCode, Entries("x-match", "all"))).Selector, Is.Null);

    [Test]
    public void A_headers_binding_that_cannot_be_meant_is_refused()
    {
        Assert.That(() => FilterSet.Compile(Map(FilterDescriptors.HeadersBindingCode, Entries("x-match", "some"))), Throws.TypeOf<SelectorException>().With.Message.Contain("x-match"));
        Assert.That(() => FilterSet.Compile(Map(FilterDescriptors.HeadersBindingCode, "text")), Throws.TypeOf<SelectorException>().With.Message.Contain("no map"));
    }

    [Test]
    public void A_stored_filter_of_an_unknown_kind_is_not_passed_over()
    {
        using var buffer = new Mamba.Amqp.Codec.ByteBuffer();
        new Mamba.Amqp.Codec.AmqpWriter(buffer).WriteMap(new AmqpMap { { FilterDescriptors.SelectorCode, "n = 5" }, { 0x999ul, "x" } });
        Assert.That(() => FilterSet.Restore(buffer.ToArray()), Throws.TypeOf<SelectorException>().With.Message.Contain("does not know"));
    }

    private static IEnumerable<TestCaseData> PropertyCases()
    {
        yield return new TestCaseData(Entries(new Symbol("subject"), "Order.new"), true);
        yield return new TestCaseData(Entries(new Symbol("subject"), "&p:Order"), true);
        yield return new TestCaseData(Entries(new Symbol("subject"), "&p:"), true);
        yield return new TestCaseData(Entries(new Symbol("subject"), "&s:new"), true);
        yield return new TestCaseData(Entries(new Symbol("subject"), "&s:old"), false);
        yield return new TestCaseData(Entries(new Symbol("to"), "&&odd"), true);
        yield return new TestCaseData(Entries(new Symbol("user-id"), new byte[] { 1 }, new Symbol("group-sequence"), 5u), true);
        yield return new TestCaseData(Entries(new Symbol("message-id"), 7UL, new Symbol("creation-time"), new Timestamp(9)), true);
        yield return new TestCaseData(Entries(new Symbol("message-id"), "7"), false);
        yield return new TestCaseData(Entries(new Symbol("reply-to"), null), true);
        yield return new TestCaseData(Entries(new Symbol("reply-to"), "x"), false);
        yield return new TestCaseData(Entries(new Symbol("reply-to"), "&p:"), false);
        yield return new TestCaseData(Entries(new Symbol("subject"), "Order.new", new Symbol("group-sequence"), 6u), false);
    }

    [TestCaseSource(nameof(PropertyCases))]
    public void Filters_of_properties(AmqpMap entries, bool expected) => Assert.That(
        FilterSet.Compile(Map(FilterDescriptors.PropertiesCode, entries)).Selector?.Matches(Message.Input) ?? true, Is.EqualTo(expected));

    private static IEnumerable<TestCaseData> ApplicationPropertyCases()
    {
        yield return new TestCaseData(Entries("region", "emea"), true);
        yield return new TestCaseData(Entries("region", "&p:em", "n", 5UL), true);
        yield return new TestCaseData(Entries("n", 5.0), true);
        yield return new TestCaseData(Entries("n", "5"), false);
        yield return new TestCaseData(Entries("f", 2.5), true);
        yield return new TestCaseData(Entries("flag", true), true);
        yield return new TestCaseData(Entries("flag", false), false);
        yield return new TestCaseData(Entries("missing", "x"), false);
        yield return new TestCaseData(Entries("region", new Symbol("emea")), true);
    }

    [TestCaseSource(nameof(ApplicationPropertyCases))]
    public void Filters_of_application_properties(AmqpMap entries, bool expected) =>
        Assert.That(Matches(Map(FilterDescriptors.ApplicationPropertiesCode, entries)), Is.EqualTo(expected));

    [TestCase("#", null, true)]
    [TestCase("#", "a.b", true)]
    [TestCase("a.#", null, false)]
    [TestCase("a.#", "a", true)]
    [TestCase("a.#.d", "a.d", true)]
    [TestCase("a.#.d", "a.b.c.d", true)]
    [TestCase("a.#.d", "a.b.c", false)]
    [TestCase("*.b", "a.b", true)]
    [TestCase("*.b", "b", false)]
    [TestCase("a.*.c", "a..c", true)]
    [TestCase("#.b.#", "a.b.c.b", true)]
    [TestCase("#.b.*.d", "b.b.c.d", true)]
    [TestCase("#.#", "a", true)]
    [TestCase("*", "", true)]
    [TestCase("a", "A", false)]
    [TestCase("*.stock.#", "usd.stock", true)]
    [TestCase("*.stock.#", "eur.stock.db", true)]
    [TestCase("*.stock.#", "stock.nasdaq", false)]
    public void Topic_patterns(string pattern, string? subject, bool expected)
    {
        var message = TestMessage.Of(new MessageProperties { Subject = subject });
        Assert.That(FilterSet.Compile(Map(FilterDescriptors.TopicBindingCode, pattern)).Selector!.Matches(message.Input), Is.EqualTo(expected));
    }

    private static IEnumerable<TestCaseData> Refused()
    {
        yield return new TestCaseData(Map(FilterDescriptors.SelectorCode, "a ="), "at character 4");
        yield return new TestCaseData(Map(FilterDescriptors.SelectorCode, 5), "describes no string");
        yield return new TestCaseData(Map(FilterDescriptors.SqlCode, "p.x = 1"), "no field 'x'");
        yield return new TestCaseData(Map(FilterDescriptors.PropertiesCode, "x"), "describes no map");
        yield return new TestCaseData(Map(FilterDescriptors.PropertiesCode, Entries(new Symbol("color"), "x")), "no field of the properties section");
        yield return new TestCaseData(Map(FilterDescriptors.PropertiesCode, Entries(new Symbol("subject"), 5)), "a type that field does not have");
        yield return new TestCaseData(Map(FilterDescriptors.PropertiesCode, Entries(new Symbol("subject"), "&x:y")), "none of &p:, &s: and &&");
        yield return new TestCaseData(Map(FilterDescriptors.ApplicationPropertiesCode, Entries("a", new List<object?>())), "no simple type");
        yield return new TestCaseData(Map(FilterDescriptors.ApplicationPropertiesCode, Entries([.. Enumerable.Range(0, 34).Select(i => $"k{i}")])), "17 entries");
        yield return new TestCaseData(Map(FilterDescriptors.TopicBindingCode, new string('a', 256)), "more than 255 bytes");
        yield return new TestCaseData(
            new AmqpMap
            {
                { new Symbol("one"), new DescribedValue(FilterDescriptors.SelectorCode, "a = 1") },
                { new Symbol("two"), new DescribedValue(FilterDescriptors.Selector, "b = 1") },
            },
            "two filters of the kind");
    }

    [TestCaseSource(nameof(Refused))]
    public void Filters_that_cannot_be_used_are_refused(AmqpMap filters, string fault) =>
        Assert.That(Assert.Throws<SelectorException>(() => FilterSet.Compile(filters))!.Message, Does.Contain(fault));

    [Test]
    public void All_filters_must_match_and_those_not_known_are_left_out()
    {
        var unknown = new DescribedValue(new Symbol("com.example:other"), "x");
        var noLocal = new DescribedValue(FilterDescriptors.NoLocalCode, new List<object?>());
        var selector = new DescribedValue(FilterDescriptors.SelectorCode, "n = 5");
        var direct = new DescribedValue(FilterDescriptors.DirectBinding, "other");
        var set = FilterSet.Compile(new AmqpMap { { new Symbol("u"), unknown }, { new Symbol("l"), noLocal }, { new Symbol("s"), selector }, { new Symbol("d"), direct }, { new Symbol("p"), "plain" } });
        Assert.That(set.InForce, Is.EqualTo(new AmqpMap { { new Symbol("s"), selector }, { new Symbol("d"), direct } }));
        Assert.That(set.Selector!.Matches(Message.Input), Is.False);
        Assert.That(FilterSet.Compile(new AmqpMap { { new Symbol("u"), unknown } }).InForce, Is.Empty);
        Assert.That(FilterSet.Compile(null).Selector, Is.Null);
    }

    [Test]
    public void A_blank_selector_is_in_force_and_matches_everything()
    {
        var set = FilterSet.Compile(Map(FilterDescriptors.SelectorCode, " "));
        Assert.That(set.Selector, Is.Null);
        Assert.That(set.InForce, Has.Count.EqualTo(1));
    }

    [Test]
    public void The_definition_does_not_depend_on_keys_descriptors_and_order()
    {
        var one = FilterSet.Compile(new AmqpMap
        {
            { new Symbol("jms-selector"), new DescribedValue(FilterDescriptors.SelectorCode, "n = 5") },
            { new Symbol("p"), new DescribedValue(FilterDescriptors.PropertiesCode, Entries(new Symbol("subject"), "&p:O")) },
        });
        var other = FilterSet.Compile(new AmqpMap
        {
            { new Symbol("x"), new DescribedValue(FilterDescriptors.Properties, Entries(new Symbol("subject"), "&p:O")) },
            { new Symbol("selector"), new DescribedValue(FilterDescriptors.Selector, "n = 5") },
        });
        Assert.That(other.Definition.ToArray(), Is.EqualTo(one.Definition.ToArray()));
        var restored = FilterSet.Restore(one.Definition);
        Assert.That(restored.Definition.ToArray(), Is.EqualTo(one.Definition.ToArray()));
        Assert.That(restored.Selector!.Matches(Message.Input), Is.True);
        Assert.That(restored.InForce[new Symbol("jms-selector")], Is.EqualTo(new DescribedValue(FilterDescriptors.SelectorCode, "n = 5")));
        Assert.That(FilterSet.Restore(default).Selector, Is.Null);
    }
}
