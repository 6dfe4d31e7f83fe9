using Mamba.Amqp.Sasl;
using Mamba.Broker.Host.Configuration;
using Mamba.Broker.Server.Security;
using Mamba.Broker.Server.Security.Claims;

namespace Mamba.Broker.Host.Running;

/// <summary>From the settings to the rules that the server holds: groups give way to their users.</summary>
internal static class PermissionMapping
{
    public static IReadOnlyList<PermissionRule> RulesOf(SecurityOptions security)
    {
        var groups = security.Groups.ToDictionary(static group => group.Name, static group => group.Users, StringComparer.Ordinal);
        return
        [
            .. security.Permissions.Select(rule => new PermissionRule(
                rule.Pattern, [.. rule.Users.Concat(rule.Groups.SelectMany(name => groups[name])).Select(Prepared)], ActionsOf(rule.Actions))),
        ];
    }

    /// <summary>The keys, each with the user it stands for.</summary>
    public static IReadOnlyList<SharedAccessKey> KeysOf(SecurityOptions security) =>
        [.. security.SharedAccessKeys.Select(static key => new SharedAccessKey(key.Name, SharedAccessKeyChecks.SecretOf(key), Prepared(key.User ?? key.Name)))];

    /// <summary>As whoever logs in with it is called.</summary>
    private static string Prepared(string user) => SaslPrep.TryPrepare(user, out var prepared) ? prepared : user;

    private static AddressActions ActionsOf(IReadOnlyList<string> names)
    {
        var actions = AddressActions.None;
        foreach (var name in names)
        {
            actions |= Enum.Parse<AddressActions>(name, ignoreCase: true);
        }

        // Who may take messages may look at them.
        return actions.HasFlag(AddressActions.Receive) ? actions | AddressActions.Browse : actions;
    }
}
