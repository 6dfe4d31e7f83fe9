using Mamba.Broker.Host.Configuration;
using Mamba.Broker.Host.Running;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Testing;

namespace Mamba.Broker.Host.Tests.Configuration;

/// <summary>Rules of who may do what, from the configuration file to the server, and what is said of wrong ones.</summary>
[TestFixture]
internal sealed class PermissionSettingTests
{
    [Test]
    public void Groups_give_way_to_their_users_and_receive_includes_browse()
    {
        var (options, problems) = Read("""
            { "security": {
                "groups": [ { "name": "traders", "users": [ "alice", "bob" ] } ],
                "permissions": [
                  { "pattern": "orders.#", "users": [ "carol" ], "groups": [ "traders" ], "actions": [ "send", "receive" ] },
                  { "pattern": "#", "users": [ "*" ] } ] } }
            """);
        Assert.That(problems, Is.Empty);
        var rules = PermissionMapping.RulesOf(options.Security);
        Assert.That(rules[0].Users, Is.EqualTo(new[] { "carol", "alice", "bob" }));
        Assert.That(rules[0].Actions, Is.EqualTo(AddressActions.Send | AddressActions.Receive | AddressActions.Browse));
        Assert.That((rules[1].Pattern, rules[1].Actions), Is.EqualTo(("#", AddressActions.None)));
    }

    [TestCase("""{ "users": ["a"] }""", "[0].pattern", "is missing", "Give the addresses")]
    [TestCase("""{ "pattern": "a*", "users": ["a"] }""", "[0].pattern", "\"a*\", which is no pattern", "orders.*")]
    [TestCase("""{ "pattern": "#", "actions": ["send"] }""", "[0]", "applies to nobody", "Name users")]
    [TestCase("""{ "pattern": "#", "groups": ["ghosts"] }""", "[0].groups", "\"ghosts\", and there is no such group", "security.groups")]
    [TestCase("""{ "pattern": "#", "users": ["a"], "actions": ["sned"] }""", "permissions[0].actions", "\"sned\"", "send, receive, browse, create, manage")]
    [TestCase("""{ "pattern": "#", "users": ["a"], "action": ["send"] }""", "permissions[0].action", "not a setting", "actions")]
    public void A_rule_that_cannot_be_meant_is_reported_with_its_place(string rule, string where, string what, string remedy)
    {
        var problem = Read($$"""{ "security": { "permissions": [ {{rule}} ] } }""").Problems.Single();
        Assert.That(problem.Where, Does.Contain(where));
        Assert.That(problem.What, Does.Contain(what));
        Assert.That(problem.Remedy, Does.Contain(remedy));
    }

    [TestCase("""{ "users": ["a"] }""", "[0].name", "is missing")]
    [TestCase("""{ "name": "g" }""", "[0].users", "names nobody")]
    [TestCase("""{ "name": "g", "users": ["a"] }, { "name": "g", "users": ["b"] }""", "[1].name", "a second time")]
    public void A_group_that_cannot_be_meant_is_reported_with_its_place(string groups, string where, string what)
    {
        var (_, problems) = Read($$"""
            { "security": { "groups": [ {{groups}} ], "permissions": [ { "pattern": "#", "users": ["a"], "actions": ["send"] } ] } }
            """);
        var problem = problems.Single();
        Assert.That(problem.Where, Does.Contain(where));
        Assert.That(problem.What, Does.Contain(what));
    }

    [Test]
    public void Groups_without_rules_are_reported_because_everybody_may_do_everything()
    {
        var problem = Read("""{ "security": { "groups": [ { "name": "g", "users": ["a"] } ] } }""").Problems.Single();
        Assert.That(problem.What, Does.Contain("everybody may do everything"));
    }

    private static (BrokerOptions Options, IReadOnlyList<Problem> Problems) Read(string json)
    {
        using var folder = new TempDirectory();
        return CheckedSettings.Read(folder, json);
    }
}
