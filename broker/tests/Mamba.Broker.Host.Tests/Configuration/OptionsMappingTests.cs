using System.Net;
using System.Text.RegularExpressions;
using Mamba.Broker.Engine;
using Mamba.Broker.Host.Configuration;
using Mamba.Broker.Host.Running;
using Mamba.Broker.Host.Tests.Repository;
using Mamba.Broker.Server;
using Mamba.Broker.Server.Security;

namespace Mamba.Broker.Host.Tests.Configuration;

[TestFixture]
internal sealed class OptionsMappingTests
{
    private static readonly ResolvedEndpoints Endpoints = new(new IPEndPoint(IPAddress.Loopback, 1), null, null, null);

    [Test]
    public void Without_settings_server_and_engine_keep_their_own_defaults()
    {
        var server = OptionsMapping.ToServer(new BrokerOptions(), Endpoints, tls: null);
        var own = new ServerOptions();
        foreach (var property in typeof(ServerOptions).GetProperties().Where(p => p.Name is not (nameof(ServerOptions.Amqp) or nameof(ServerOptions.StopTimeout))))
        {
            Assert.That(property.GetValue(server), Is.EqualTo(property.GetValue(own)), property.Name);
        }

        var engine = OptionsMapping.ToEngine(new BrokerOptions(), "journal");
        foreach (var property in typeof(EngineOptions).GetProperties().Where(p => p.Name is not nameof(EngineOptions.Directory)))
        {
            Assert.That(property.GetValue(engine), Is.EqualTo(property.GetValue(new EngineOptions { Directory = "journal" })), property.Name);
        }

        Assert.That(new AddressRuleOptions().MaxDeliveries, Is.EqualTo(new NodeOptions().MaxDeliveries));
        Assert.That(new AddressRuleOptions().DeadLetterAddress, Is.EqualTo(new NodeOptions().DeadLetterAddress));
    }

    [Test]
    public void Diverts_reach_the_engine_and_their_targets_are_what_the_rules_say()
    {
        var options = new BrokerOptions
        {
            Addresses = new AddressOptions
            {
                Rules = [new AddressRuleOptions { Pattern = "news.#", Kind = AddressKind.Topic }],
                Diverts =
                [
                    new DivertRuleOptions { Name = "1", Pattern = "a.#", Target = "news.a", Selector = "x = 1", Move = true, Priority = -2 },
                    new DivertRuleOptions { Name = "2", Pattern = "b", Target = "c" },
                ],
            },
        };
        Assert.That(OptionsMapping.ToEngine(options, "journal").Diverts, Is.EqualTo(new[]
        {
            new DivertOptions { Name = "1", Pattern = "a.#", Target = "news.a", TargetKind = NodeKind.Topic, Selector = "x = 1", Move = true, Priority = -2 },
            new DivertOptions { Name = "2", Pattern = "b", Target = "c" },
        }));
    }

    [Test]
    public void Rules_reach_the_server_and_the_engine()
    {
        var options = new BrokerOptions
        {
            Addresses = new AddressOptions
            {
                AutoCreate = false,
                Rules = [new AddressRuleOptions { Pattern = "news.#", Kind = AddressKind.Topic, AutoCreate = true, MaxLength = 5, MaxBytes = 6, Retain = 8, RetainBytes = 9, MaxDeliveries = 7, DeadLetterAddress = "dead", ExpiryAddress = "late", LastValueKey = "symbol", NonDestructive = true, Duplicates = new DuplicateRuleOptions { Window = 10, Time = TimeSpan.FromMinutes(2), By = "id" } }],
            },
        };
        var server = OptionsMapping.ToServer(options, Endpoints, tls: null);
        Assert.That(server.AutoCreate, Is.False);
        Assert.That(server.Addresses, Is.EqualTo(new[] { new AddressRule("news.#", NodeKind.Topic, AutoCreate: true) }));
        Assert.That(OptionsMapping.ToEngine(options, "journal").OptionsFor("news.today.sports"), Is.EqualTo(new NodeOptions
        {
            MaxMessages = 5,
            MaxBytes = 6,
            Retain = 8,
            RetainBytes = 9,
            MaxDeliveries = 7,
            DeadLetterAddress = "dead",
            ExpiryAddress = "late",
            Duplicates = new DuplicateOptions { Window = 10, Seconds = 120, By = "id" },
            LastValueKey = "symbol",
            NonDestructive = true,
        }));
    }

    [Test]
    public void A_retry_policy_reaches_the_engine_whole_and_has_the_same_defaults()
    {
        var retry = new RetryOptions
        {
            Delay = TimeSpan.FromSeconds(3), Multiplier = 4, Jitter = 0.5, MaxDelay = TimeSpan.FromMinutes(6), Order = RetryOrderChoice.Group,
        };
        var options = new BrokerOptions
        {
            Addresses = new AddressOptions
            {
                Rules = [new AddressRuleOptions { Pattern = "a", Retry = retry }, new AddressRuleOptions { Pattern = "b", Retry = new RetryOptions() }],
            },
        };
        var engine = OptionsMapping.ToEngine(options, "journal");
        Assert.That(engine.OptionsFor("a").Retry, Is.EqualTo(new RetryPolicy
        {
            InitialDelay = TimeSpan.FromSeconds(3), Multiplier = 4, Jitter = 0.5, MaxDelay = TimeSpan.FromMinutes(6), Order = RetryOrder.Group,
        }));
        Assert.That(engine.OptionsFor("b").Retry, Is.EqualTo(new RetryPolicy()));
        Assert.That(engine.OptionsFor("c").Retry, Is.Null);
    }

    [Test]
    public void Settings_of_replies_reach_the_server()
    {
        var options = new BrokerOptions { Replies = new RepliesOptions { KeepAfterLoss = TimeSpan.Zero, MaxKept = 1, MaxKeptByClient = 2, MaxKeptBytes = 3 } };
        Assert.That(
            OptionsMapping.ToServer(options, Endpoints, tls: null).Replies,
            Is.EqualTo(new ReplyOptions { KeepAfterLoss = TimeSpan.Zero, MaxKept = 1, MaxKeptByClient = 2, MaxKeptBytes = 3 }));
    }

    [Test]
    public void Settings_of_schedules_reach_the_engine()
    {
        var options = new BrokerOptions { Schedules = new ScheduleOptions { MaxPerAddress = 3, MissedInstants = MissedInstantsPolicy.Skip } };
        var engine = OptionsMapping.ToEngine(options, "journal");
        Assert.That((engine.MaxSchedulesPerAddress, engine.MissedInstants), Is.EqualTo((3, MissedInstants.Skip)));
    }

    [TestCase("All", true, true)]
    [TestCase("None", false, false)]
    [TestCase("Users", true, false)]
    [TestCase("Auto", true, true)]
    public void Who_may_administer_is_the_policy_that_was_set(string access, bool alice, bool anonymous)
    {
        var security = new SecurityOptions { Management = Enum.Parse<ManagementAccess>(access), ManagementUsers = ["alice"] };
        var policy = OptionsMapping.ToServer(new BrokerOptions { Security = security }, Endpoints, tls: null).Management;
        var listener = new ListenerContext(new IPEndPoint(IPAddress.Loopback, 1), new IPEndPoint(IPAddress.Loopback, 2), IsTls: false, null);
        Assert.That(policy.Allows(new Principal("alice", "PLAIN"), listener), Is.EqualTo(alice));
        Assert.That(policy.Allows(Principal.Anonymous, listener), Is.EqualTo(anonymous));
    }

    [Test]
    public void Every_setting_is_read_somewhere_outside_its_declaration()
    {
        var source = string.Concat(SourceTree.SourceFiles
            .Where(f => f.Contains("/Mamba.Broker.Host/", StringComparison.Ordinal) && !f.EndsWith("/BrokerOptions.cs", StringComparison.Ordinal))
            .Select(File.ReadAllText));
        var unread = SettingDescriptor.All.SelectMany(s => s.Children.Count == 0 ? [s] : s.Children)
            .Where(s => !Regex.IsMatch(source, $@"\.{s.Property.Name}\b", RegexOptions.None, TimeSpan.FromSeconds(5)))
            .Select(s => s.Key);
        Assert.That(unread, Is.Empty);
    }
}
