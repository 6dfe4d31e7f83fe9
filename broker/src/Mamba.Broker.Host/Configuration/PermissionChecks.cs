namespace Mamba.Broker.Host.Configuration;

/// <summary>What is wrong with security.permissions and security.groups. A rule that says nothing, or means nobody, is an error: permissions are not to be guessed.</summary>
internal sealed class PermissionChecks(SecurityOptions security, SettingLayers layers)
{
    public void Check()
    {
        var groups = CheckGroups();
        for (var i = 0; i < security.Permissions.Count; i++)
        {
            CheckRule(security.Permissions[i], $"{layers.Where("security.permissions")}, [{i}]", groups);
        }
    }

    private HashSet<string> CheckGroups()
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < security.Groups.Count; i++)
        {
            var group = security.Groups[i];
            var where = $"{layers.Where("security.groups")}, [{i}]";
            if (group.Name.Length == 0)
            {
                Add($"{where}.name", "is missing.", "Give the group a name, for example \"traders\".");
            }
            else if (!names.Add(group.Name))
            {
                Add($"{where}.name", $"is \"{group.Name}\" a second time.", "Put all users of the group into one entry.");
            }

            if (group.Users.Count == 0)
            {
                Add($"{where}.users", "names nobody.", "Name the users of the group, or leave the group out.");
            }
        }

        if (security.Groups.Count > 0 && security.Permissions.Count == 0)
        {
            Add(layers.Where("security.groups"), "has groups, and security.permissions no rule, so that everybody may do everything.",
                "Give rules in security.permissions, or leave the groups out.");
        }

        return names;
    }

    private void CheckRule(PermissionOptions rule, string where, HashSet<string> groups)
    {
        if (rule.Pattern.Length == 0)
        {
            Add($"{where}.pattern", "is missing.", "Give the addresses that the rule applies to, for example \"orders.#\".");
        }
        else if (!StartupChecks.IsPattern(rule.Pattern))
        {
            Add($"{where}.pattern", $"is \"{rule.Pattern}\", which is no pattern: * stands for a whole level, # only at the end for all that follow.",
                "Write for example \"orders.*\" or \"orders.#\".");
        }

        if (rule.Users.Count == 0 && rule.Groups.Count == 0)
        {
            Add(where, "names neither users nor groups, so that it applies to nobody.", "Name users (\"*\" is everybody) or groups.");
        }

        foreach (var group in rule.Groups)
        {
            if (!groups.Contains(group))
            {
                Add($"{where}.groups", $"names \"{group}\", and there is no such group.", "Add the group to security.groups, or correct its name.");
            }
        }
    }

    private void Add(string where, string what, string remedy) => layers.Problems.Add(new Problem(where, what, remedy));
}
