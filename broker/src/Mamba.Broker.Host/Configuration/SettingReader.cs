using System.Globalization;
using System.Text.Json;

namespace Mamba.Broker.Host.Configuration;

/// <summary>
/// Reads one value as its setting asks. Text from variables and options is read more leniently than JSON: "5" is a number
/// and "true" a boolean there, since they have no other way to say it.
/// </summary>
internal sealed class SettingReader(List<Problem> problems)
{
    /// <summary>The value, or null after adding what is wrong with it.</summary>
    public object? Read(SettingDescriptor setting, SettingNode node, string where)
    {
        var fromText = node.Line == 0;
        return setting.Kind switch
        {
            SettingKind.Boolean => ReadBoolean(setting, node, where, fromText),
            SettingKind.Integer => ReadInteger(setting, node, where, fromText),
            SettingKind.Number => ReadNumber(setting, node, where, fromText),
            SettingKind.Size => ReadSize(setting, node, where),
            SettingKind.Duration => ReadDuration(setting, node, where),
            SettingKind.Endpoint => ReadEndpoint(setting, node, where),
            SettingKind.Choice => ReadChoice(setting, node, where),
            SettingKind.TextList => ReadTexts(setting, node, where, fromText),
            _ => ReadText(setting, node, where),
        };
    }

    private static string Show(SettingNode node) => node.Kind switch
    {
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "a list",
        JsonValueKind.String => $"\"{node.Text}\"",
        _ => node.Text,
    };

    private static string Example(SettingDescriptor setting) => setting.Attribute.Example ?? setting.Default switch
    {
        TimeSpan time => Quantity.Duration((long)time.TotalMilliseconds),
        long size when setting.Kind == SettingKind.Size => Quantity.Size(size),
        double number => number.ToString(CultureInfo.InvariantCulture),
        null => setting.Kind switch
        {
            SettingKind.Size => "64 MiB",
            SettingKind.Duration => "30 s",
            SettingKind.Integer => "1000",
            _ => setting.Name,
        },
        var other => other.ToString()!,
    };

    private object? ReadBoolean(SettingDescriptor setting, SettingNode node, string where, bool fromText)
    {
        if (node.Kind is JsonValueKind.True or JsonValueKind.False)
        {
            return node.Kind == JsonValueKind.True;
        }

        return fromText && bool.TryParse(node.Text, out var value) ? value : Fail(where, $"is {Show(node)}, not true or false.", "Set it to true or to false.");
    }

    private object? ReadInteger(SettingDescriptor setting, SettingNode node, string where, bool fromText)
    {
        if ((node.Kind == JsonValueKind.Number || (fromText && node.Kind == JsonValueKind.String))
            && long.TryParse(node.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var value))
        {
            if (!InRange(setting, value, where, v => v.ToString(CultureInfo.InvariantCulture)))
            {
                return null;
            }

            return setting.Type == typeof(int) ? (object)(int)value : value;
        }

        return Fail(where, $"is {Show(node)}, not a whole number.", $"Set it to a whole number, for example {Example(setting)}.");
    }

    private object? ReadNumber(SettingDescriptor setting, SettingNode node, string where, bool fromText)
    {
        var (min, max) = (setting.Attribute.Min, setting.Attribute.Max);
        if ((node.Kind != JsonValueKind.Number && !(fromText && node.Kind == JsonValueKind.String))
            || !double.TryParse(node.Text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value))
        {
            return Fail(where, $"is {Show(node)}, not a number.", $"Set it to a number, for example {Example(setting)}.");
        }

        return value >= min && value <= max
            ? value
            : Fail(where, $"is {node.Text}, {(value < min ? $"below the least it can be, {min}" : $"above the most it can be, {max}")}.",
                $"Set it to a number between {min} and {max}; the default is {Example(setting)}.");
    }

    private object? ReadSize(SettingDescriptor setting, SettingNode node, string where)
    {
        if (node.Kind is JsonValueKind.Number or JsonValueKind.String && Quantity.TryParseSize(node.Text, out var bytes))
        {
            return InRange(setting, bytes, where, Quantity.Size) ? bytes : null;
        }

        return Fail(where, $"is {Show(node)}, not a number of bytes.",
            $"Set it to a number of bytes, or to a number with a unit (KiB, MiB, GiB, TiB), for example \"{Example(setting)}\".");
    }

    private object? ReadDuration(SettingDescriptor setting, SettingNode node, string where)
    {
        if (node.Kind == JsonValueKind.String && Quantity.TryParseDuration(node.Text, out var milliseconds))
        {
            return InRange(setting, milliseconds, where, Quantity.Duration) ? TimeSpan.FromMilliseconds(milliseconds) : null;
        }

        return Fail(where, $"is {Show(node)}, not a duration.",
            $"Set it to a number with its unit (ms, s, min, h, d), for example \"{Example(setting)}\".");
    }

    private object? ReadEndpoint(SettingDescriptor setting, SettingNode node, string where)
    {
        if (node.Kind != JsonValueKind.String)
        {
            return Fail(where, $"is {Show(node)}, not an endpoint.", $"Set it to HOST:PORT, for example \"{Example(setting)}\", or to \"off\".");
        }

        if (Endpoint.TryParse(node.Text, out var endpoint, out var error))
        {
            return endpoint;
        }

        return Fail(where, $"is {Show(node)}, which {error}.", "Set it to HOST:PORT, for example \"127.0.0.1:5672\", or to \"off\".");
    }

    private object? ReadChoice(SettingDescriptor setting, SettingNode node, string where)
    {
        var choices = setting.Attribute.Choices!;
        if (node.Kind is JsonValueKind.String or JsonValueKind.True or JsonValueKind.False
            && choices.Contains(node.Text, StringComparer.OrdinalIgnoreCase))
        {
            return Enum.Parse(setting.Type, node.Text, ignoreCase: true);
        }

        return Fail(where, $"is {Show(node)}, which it cannot be.", $"Set it to one of: {string.Join(", ", choices)}.");
    }

    private object? ReadText(SettingDescriptor setting, SettingNode node, string where)
    {
        if (node.Kind != JsonValueKind.String)
        {
            return Fail(where, $"is {Show(node)}, not a text.", $"Set it to a text, for example \"{Example(setting)}\".");
        }

        var least = Math.Max(setting.Attribute.Min, 1);
        if (node.Text.Length < least || node.Text.Length > setting.Attribute.Max)
        {
            return Fail(where, node.Text.Length == 0 ? "is empty." : $"is {node.Text.Length} characters long.",
                setting.Attribute.Max == long.MaxValue
                    ? $"Set it to a value, for example \"{Example(setting)}\", or leave it out."
                    : $"Set it to a text of {least} to {setting.Attribute.Max} characters.");
        }

        return node.Text;
    }

    private object? ReadTexts(SettingDescriptor setting, SettingNode node, string where, bool fromText)
    {
        if (node.Kind != JsonValueKind.Array && !fromText)
        {
            return Fail(where, $"is {Show(node)}, not a list.", "Set it to a list of texts in square brackets.");
        }

        var texts = fromText
            ? [.. node.Text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries).Select(SettingNode.OfText)]
            : node.Items;
        var choices = setting.Attribute.Choices;
        var result = new List<string>();
        foreach (var text in texts)
        {
            if (text.Kind != JsonValueKind.String || (choices is not null && !choices.Contains(text.Text, StringComparer.Ordinal)))
            {
                Fail(where, $"holds {Show(text)}, which it cannot.", choices is null ? "It can hold texts." : $"It can hold: {string.Join(", ", choices)}.");
            }
            else if (!result.Contains(text.Text, StringComparer.Ordinal))
            {
                result.Add(text.Text);
            }
        }

        return result;
    }

    private bool InRange(SettingDescriptor setting, long value, string where, Func<long, string> format)
    {
        var (min, max) = (setting.Attribute.Min, setting.Attribute.Max);
        if (value >= min && value <= max)
        {
            return true;
        }

        var range = max == long.MaxValue ? $"of {format(min)} or more" : $"between {format(min)} and {format(max)}";
        Fail(where, $"is {format(value)}, {(value < min ? $"below the least it can be, {format(min)}" : $"above the most it can be, {format(max)}")}.",
            $"Set it to a value {range}{(setting.Default is null ? "" : $"; the default is {Example(setting)}")}.");
        return false;
    }

    private object? Fail(string where, string what, string remedy)
    {
        problems.Add(new Problem(where, what, remedy));
        return null;
    }
}
