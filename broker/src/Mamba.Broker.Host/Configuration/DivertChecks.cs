using Mamba.Broker.Engine;
using Mamba.Broker.Host.Running;
using Mamba.Broker.Selectors;

namespace Mamba.Broker.Host.Configuration;

/// <summary>What is wrong with addresses.diverts: each by itself, and whether messages could go round.</summary>
internal sealed class DivertChecks(AddressOptions addresses, SettingLayers layers)
{
    private bool _isFaulty;

    public void Check()
    {
        for (var i = 0; i < addresses.Diverts.Count; i++)
        {
            CheckOne(addresses.Diverts[i], $"{layers.Where("addresses.diverts")}, [{i}]");
        }

        if (!_isFaulty && MessageEngine.FindDivertFault(OptionsMapping.ToDiverts(addresses)) is { } fault)
        {
            Add(layers.Where("addresses.diverts"), "cannot all be: " + fault + ".", "A selector does not help: it might be true of a message every time.");
        }
    }

    private void CheckOne(DivertRuleOptions divert, string where)
    {
        if (divert.Name.Length == 0)
        {
            Add($"{where}.name", "is missing.", "Give the divert a name, for example \"audit\".");
        }

        if (divert.Pattern.Length == 0)
        {
            Add($"{where}.pattern", "is missing.", "Give the address or pattern that it applies to, for example \"orders.#\".");
        }
        else if (!StartupChecks.IsPattern(divert.Pattern))
        {
            Add($"{where}.pattern", $"is \"{divert.Pattern}\", which is no pattern: * stands for a whole level, # only at the end for all that follow.",
                "Write for example \"orders.*\" or \"orders.#\".");
        }

        if (divert.Target.Length == 0)
        {
            Add($"{where}.target", "is missing.", "Give the address that messages go to, for example \"audit.orders\".");
        }
        else if (AddressPattern.HasWildcards(divert.Target) || MessageEngine.IsTemporaryName(divert.Target) || divert.Target[0] == '$')
        {
            Add($"{where}.target", $"is \"{divert.Target}\", which cannot be a target: it has wildcards, or is the broker's own.", "Name one queue or topic.");
        }

        CheckSelector(divert.Selector, where);
    }

    private void CheckSelector(string? selector, string where)
    {
        try
        {
            _ = selector is null ? null : Selector.Parse(selector);
        }
        catch (SelectorException e)
        {
            Add($"{where}.selector", $"is \"{selector}\", which cannot be understood: {e.Message}", "Write it as a JMS selector, for example \"amount > 1000\".");
        }
    }

    private void Add(string where, string what, string remedy)
    {
        _isFaulty = true;
        layers.Problems.Add(new Problem(where, what, remedy));
    }
}
