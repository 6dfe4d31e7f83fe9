using Mamba.Broker.Host.Configuration;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Host.Tests.Configuration;

[TestFixture]
internal sealed class SettingLayersTests
{
    private TempDirectory _folder = null!;

    [SetUp]
    public void CreateFolder() => _folder = new TempDirectory();

    [TearDown]
    public void RemoveFolder() => _folder.Dispose();

    [Test]
    public void Without_sources_the_defaults_hold()
    {
        var layers = new SettingLayers();
        Assert.That(layers.Build().Limits, Is.EqualTo(new BrokerOptions().Limits));
        Assert.That(layers.Where("limits.maxFrameSize"), Is.EqualTo("limits.maxFrameSize (its default)"));
    }

    [Test]
    public void The_command_line_beats_variables_and_variables_beat_the_file()
    {
        var layers = Read("""{ "limits": { "channelMax": 1, "handleMax": 1, "linkCredit": 1, "maxFrameSize": 600 } }""");
        layers.AddVariables(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["MAMBA__LIMITS__HANDLEMAX"] = "2",
            ["MAMBA__Limits__LinkCredit"] = "2",
        });
        layers.AddAssignment("limits.linkCredit=3");

        var limits = layers.Build().Limits;
        Assert.That(layers.Problems, Is.Empty);
        Assert.That((limits.ChannelMax, limits.HandleMax, limits.LinkCredit, limits.MaxFrameSize), Is.EqualTo((1, 2, 3, 600L)));
        Assert.That(layers.Where("limits.channelMax"), Is.EqualTo("limits.channelMax (mamba.json, line 1)"));
        Assert.That(layers.Where("limits.handleMax"), Is.EqualTo("MAMBA__LIMITS__HANDLEMAX (environment variable)"));
        Assert.That(layers.Where("limits.linkCredit"), Is.EqualTo("--set limits.linkCredit"));
    }

    [Test]
    public void An_option_of_its_own_sets_its_setting()
    {
        var layers = new SettingLayers();
        layers.AddOption(Setting("listeners.amqp"), "[::1]:1234");
        Assert.That(layers.Build().Listeners.Amqp, Is.EqualTo(new Endpoint("::1", 1234)));
        Assert.That(layers.Where("listeners.amqp"), Is.EqualTo("--amqp"));
    }

    [TestCase("limits.maxMessageSize", "64 MiB", 67_108_864L)]
    [TestCase("limits.maxMessageSize", "512MiB", 536_870_912L)]
    [TestCase("limits.maxMessageSize", "4096", 4_096L)]
    [TestCase("limits.maxMessageSize", "2048 B", 2_048L)]
    public void Sizes_are_read_with_and_without_units(string key, string text, long bytes) =>
        Assert.That(ReadText(key, text), Is.EqualTo(bytes));

    [TestCase("2500 ms", 2_500)]
    [TestCase("5s", 5_000)]
    [TestCase("2 min", 120_000)]
    [TestCase("1 h", 3_600_000)]
    [TestCase("1 d", 86_400_000)]
    public void Durations_are_read_with_their_unit(string text, int milliseconds) =>
        Assert.That(ReadText("limits.idleTimeout", text), Is.EqualTo(TimeSpan.FromMilliseconds(milliseconds)));

    [Test]
    public void Lists_are_read_from_text_too()
    {
        Assert.That(ReadText("security.mechanisms", "SCRAM-SHA-256, PLAIN"), Is.EqualTo(new[] { "SCRAM-SHA-256", "PLAIN" }));
        Assert.That(ReadText("security.mechanisms", ""), Is.Empty);
        Assert.That(ReadText("addresses.rules", """[{ "pattern": "a.*", "maxLength": 3 }]"""),
            Is.EqualTo(new[] { new AddressRuleOptions { Pattern = "a.*", MaxLength = 3 } }));
    }

    [Test]
    public void Rules_take_every_setting_of_a_rule()
    {
        var rule = Read("""
            { "addresses": { "rules": [ { "pattern": "news.#", "kind": "topic", "autoCreate": false, "maxDeliveries": 3,
              "deadLetterAddress": "dead", "expiryAddress": "late", "maxLength": 10, "maxBytes": "1 MiB" } ] } }
            """).Build().Addresses.Rules.Single();
        Assert.That(rule, Is.EqualTo(new AddressRuleOptions
        {
            Pattern = "news.#",
            Kind = AddressKind.Topic,
            AutoCreate = false,
            MaxDeliveries = 3,
            DeadLetterAddress = "dead",
            ExpiryAddress = "late",
            MaxLength = 10,
            MaxBytes = 1 << 20,
        }));
    }

    [Test]
    public void Comments_trailing_commas_a_schema_reference_and_a_byte_order_mark_are_no_problem()
    {
        File.WriteAllText(_folder["mamba.json"], "\uFEFF{ \"$schema\": \"x\", // why\n \"logging\": { \"level\": \"debug\", }, }");
        var layers = new SettingLayers();
        layers.AddFile(_folder["mamba.json"]);
        Assert.That(layers.Problems, Is.Empty);
    }

    [TestCase("""{ "limits": { "maxFrameSiz": 1 } }""", "limits.maxFrameSiz (mamba.json, line 1)", "not a setting", "Did you mean maxFrameSize?")]
    [TestCase("""{ "zzz": {} }""", "zzz (mamba.json, line 1)", "not a setting", "config schema")]
    [TestCase("""{ "limits": 3 }""", "limits (mamba.json, line 1)", "not an object", "\"limits\": {")]
    [TestCase("{ \"limits\": {\n\n \"channelMax\": \"7\" } }", "limits.channelMax (mamba.json, line 3)", "\"7\", not a whole number", "63")]
    [TestCase("""{ "limits": { "channelMax": 2.5 } }""", "limits.channelMax (mamba.json, line 1)", "2.5, not a whole number", "63")]
    [TestCase("""{ "limits": { "channelMax": 256 } }""", "limits.channelMax (mamba.json, line 1)", "above the most it can be, 255", "between 0 and 255")]
    [TestCase("""{ "limits": { "channelMax": -1 } }""", "limits.channelMax (mamba.json, line 1)", "below the least it can be, 0", "between 0 and 255")]
    [TestCase("""{ "limits": { "channelMax": null } }""", "limits.channelMax (mamba.json, line 1)", "null", "63")]
    [TestCase("""{ "limits": { "maxMessageSize": "1 TB" } }""", "limits.maxMessageSize (mamba.json, line 1)", "not a number of bytes", "16 MiB")]
    [TestCase("""{ "limits": { "maxMessageSize": "1 TiB" } }""", "limits.maxMessageSize (mamba.json, line 1)", "above the most it can be, 512 MiB", "1 KiB")]
    [TestCase("""{ "limits": { "maxMessageSize": "9999999999 TiB" } }""", "limits.maxMessageSize (mamba.json, line 1)", "not a number of bytes", "16 MiB")]
    [TestCase("""{ "limits": { "idleTimeout": 60 } }""", "limits.idleTimeout (mamba.json, line 1)", "60, not a duration", "1 min")]
    [TestCase("""{ "limits": { "idleTimeout": "1 s" } }""", "limits.idleTimeout (mamba.json, line 1)", "below the least it can be, 2 s", "1 d")]
    [TestCase("""{ "listeners": { "amqp": "5672" } }""", "listeners.amqp (mamba.json, line 1)", "not of the form HOST:PORT", "127.0.0.1:5672")]
    [TestCase("""{ "listeners": { "amqp": "*:5672" } }""", "listeners.amqp (mamba.json, line 1)", "neither a name nor an IP address", "off")]
    [TestCase("""{ "listeners": { "amqp": "::1:5672" } }""", "listeners.amqp (mamba.json, line 1)", "IPv6 goes in brackets", "off")]
    [TestCase("""{ "listeners": { "amqp": 5672 } }""", "listeners.amqp (mamba.json, line 1)", "5672, not an endpoint", "HOST:PORT")]
    [TestCase("""{ "listeners": { "allowUnencrypted": "yes" } }""", "listeners.allowUnencrypted (mamba.json, line 1)", "not true or false", "true or to false")]
    [TestCase("""{ "listeners": { "containerId": "" } }""", "listeners.containerId (mamba.json, line 1)", "empty", "1 to 255")]
    [TestCase("""{ "tls": { "certificate": 1 } }""", "tls.certificate (mamba.json, line 1)", "1, not a text", "/etc/mamba/broker.pem")]
    [TestCase("""{ "security": { "anonymous": "maybe" } }""", "security.anonymous (mamba.json, line 1)", "\"maybe\"", "auto, true, false")]
    [TestCase("""{ "security": { "mechanisms": "PLAIN" } }""", "security.mechanisms (mamba.json, line 1)", "not a list", "square brackets")]
    [TestCase("""{ "security": { "mechanisms": ["CRAM-MD5"] } }""", "security.mechanisms (mamba.json, line 1)", "CRAM-MD5", "SCRAM-SHA-512")]
    [TestCase("""{ "addresses": { "rules": {} } }""", "addresses.rules (mamba.json, line 1)", "not a list", "list of objects")]
    [TestCase("""{ "addresses": { "rules": [1] } }""", "addresses.rules[0] (mamba.json, line 1)", "not an object", "{ and }")]
    [TestCase("""{ "addresses": { "rules": [{ "pattern": "a", "kind": "stack" }] } }""", "addresses.rules[0].kind (mamba.json, line 1)", "stack", "queue, topic")]
    [TestCase("""{ "addresses": { "rules": [{ "pattern": "a", "max": 1 }] } }""", "addresses.rules[0].max (mamba.json, line 1)", "not a setting", "")]
    [TestCase("""{ "addresses": { "rules": [{ "pattern": "a", "retain": 20000 }] } }""", "addresses.rules[0].retain (mamba.json, line 1)", "20000", "10000")]
    [TestCase("""{ "addresses": { "rules": [{ "pattern": "a", "retainBytes": "1 GiB" }] } }""", "addresses.rules[0].retainBytes (mamba.json, line 1)", "1 GiB", "64 MiB")]
    [TestCase("""{ "addresses": { "rules": [{ "pattern": "a", "retry": 5 }] } }""", "addresses.rules[0].retry (mamba.json, line 1)", "not an object", "\"retry\": {")]
    [TestCase("""{ "addresses": { "rules": [{ "pattern": "a", "retry": { "delay": 5 } }] } }""", "addresses.rules[0].retry.delay (mamba.json, line 1)", "5, not a duration", "1 s")]
    [TestCase("""{ "addresses": { "rules": [{ "pattern": "a", "retry": { "delay": "2 y" } }] } }""", "addresses.rules[0].retry.delay (mamba.json, line 1)", "2 y", "1 s")]
    [TestCase("""{ "addresses": { "rules": [{ "pattern": "a", "retry": { "jitter": 1.5 } }] } }""", "addresses.rules[0].retry.jitter (mamba.json, line 1)", "1.5, above the most", "0.2")]
    [TestCase("""{ "addresses": { "rules": [{ "pattern": "a", "retry": { "multiplier": 0.5 } }] } }""", "addresses.rules[0].retry.multiplier (mamba.json, line 1)", "0.5, below the least", "between 1 and 1000")]
    [TestCase("""{ "addresses": { "rules": [{ "pattern": "a", "retry": { "multiplier": "2" } }] } }""", "addresses.rules[0].retry.multiplier (mamba.json, line 1)", "not a number", "example 2")]
    [TestCase("""{ "addresses": { "rules": [{ "pattern": "a", "retry": { "order": "strict" } }] } }""", "addresses.rules[0].retry.order (mamba.json, line 1)", "strict", "free, group")]
    [TestCase("""{ "addresses": { "rules": [{ "pattern": "a", "retry": { "delays": "1 s" } }] } }""", "addresses.rules[0].retry.delays (mamba.json, line 1)", "not a setting", "delay")]
    [TestCase("""{ "addresses": { "rules": [{ "pattern": "a", "retry": { "delay": "1 s", "delay": "2 s" } }] } }""", "addresses.rules[0].retry.delay (mamba.json, line 1)", "twice", "Remove one")]
    [TestCase("""{ "logging": { "level": "debug", "level": "error" } }""", "logging.level (mamba.json, line 1)", "twice", "Remove one")]
    [TestCase("[]", "mamba.json", "not a JSON object", "{ and }")]
    [TestCase("{ \"logging\":\n oops }", "mamba.json, line 2", "not valid JSON", "config check")]
    public void A_wrong_file_is_reported_with_place_fault_and_remedy(string json, string where, string what, string remedy)
    {
        var problem = Read(json).Problems.Single();
        Assert.That(problem.Where, Does.EndWith(where));
        Assert.That(problem.What, Does.Contain(what));
        Assert.That(problem.Remedy, Does.Contain(remedy));
    }

    [Test]
    public void Everything_that_is_wrong_is_reported_at_once_also_what_a_later_source_replaces()
    {
        var layers = Read("""{ "limits": { "channelMax": 999, "handleMax": "x" }, "foo": 1 }""");
        layers.AddVariables(new Dictionary<string, string>(StringComparer.Ordinal) { ["MAMBA__LIMITS__CHANNELMAX"] = "x", ["MAMBA__BAR"] = "" });
        layers.AddAssignment("limits.channelMax=5");
        layers.AddAssignment("limits.chanelMax=5");
        layers.AddAssignment("=5");
        Assert.That(layers.Problems.Select(p => p.Where), Is.EqualTo(new[]
        {
            "limits.channelMax (mamba.json, line 1)", "limits.handleMax (mamba.json, line 1)", "foo (mamba.json, line 1)",
            "MAMBA__BAR (environment variable)", "MAMBA__LIMITS__CHANNELMAX (environment variable)", "--set limits.chanelMax", "--set =5",
        }));
    }

    [Test]
    public void A_retry_policy_is_read_with_what_is_left_out_by_its_defaults()
    {
        var rules = Read("""
            { "addresses": { "rules": [
              { "pattern": "a", "retry": { "delay": "250ms", "multiplier": 1.5, "jitter": 0, "maxDelay": "1 h", "order": "group" } },
              { "pattern": "b", "retry": {} },
              { "pattern": "c" }
            ] } }
            """).Build().Addresses.Rules;
        Assert.That(rules[0].Retry, Is.EqualTo(new RetryOptions
        {
            Delay = TimeSpan.FromMilliseconds(250), Multiplier = 1.5, Jitter = 0, MaxDelay = TimeSpan.FromHours(1), Order = RetryOrderChoice.Group,
        }));
        Assert.That(rules[1].Retry, Is.EqualTo(new RetryOptions()));
        Assert.That(rules[2].Retry, Is.Null);
    }

    [Test]
    public void A_file_that_is_not_there_is_named()
    {
        var layers = new SettingLayers();
        layers.AddFile(_folder["none.json"]);
        Assert.That(layers.Problems.Single().What, Does.Contain(_folder["none.json"]));
    }

    [Test]
    public void Every_setting_can_be_given_by_each_source()
    {
        foreach (var setting in SettingDescriptor.All.Where(s => s.Kind != SettingKind.RecordList))
        {
            var text = TextFor(setting);
            var layers = new SettingLayers();
            layers.AddVariables(new Dictionary<string, string>(StringComparer.Ordinal) { [setting.Variable] = text });
            layers.AddAssignment($"{setting.Key}={text}");
            Assert.That(layers.Problems, Is.Empty, setting.Key);
            Assert.That(layers.Where(setting.Key), Is.EqualTo($"--set {setting.Key}"));
        }
    }

    [Test]
    public void There_are_fewer_than_ninety_settings() =>
        Assert.That(SettingDescriptor.All.Sum(s => Math.Max(1, s.Children.Count)), Is.LessThan(90));

    private static SettingDescriptor Setting(string key) => SettingDescriptor.All.Single(s => string.Equals(s.Key, key, StringComparison.Ordinal));

    private static string TextFor(SettingDescriptor setting) => setting.Attribute.Choices?[0] ?? setting.Kind switch
    {
        SettingKind.Boolean => "true",
        SettingKind.Size => Quantity.Size(setting.Attribute.Min),
        SettingKind.Duration => Quantity.Duration(setting.Attribute.Max),
        SettingKind.Integer => setting.Attribute.Max.ToString(System.Globalization.CultureInfo.InvariantCulture),
        SettingKind.Endpoint => "localhost:1",
        _ => "text",
    };

    private static object? ReadText(string key, string text)
    {
        var layers = new SettingLayers();
        layers.AddAssignment($"{key}={text}");
        Assert.That(layers.Problems, Is.Empty);
        var options = layers.Build();
        var section = SettingDescriptor.Root.Single(s => s.Children.Contains(Setting(key)));
        return Setting(key).Property.GetValue(section.Property.GetValue(options));
    }

    private SettingLayers Read(string json)
    {
        File.WriteAllText(_folder["mamba.json"], json);
        var layers = new SettingLayers();
        layers.AddFile(_folder["mamba.json"]);
        return layers;
    }
}
