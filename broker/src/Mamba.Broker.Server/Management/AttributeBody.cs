using Mamba.Amqp.Types;

namespace Mamba.Broker.Server.Management;

/// <summary>
/// The attributes of a CREATE, UPDATE or DELETE, read one by one and at the end checked for what nobody asked for: a misspelt
/// attribute is an error, not a surprise later. Keys may be strings or symbols.
/// </summary>
internal sealed class AttributeBody(AmqpMap map)
{
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    /// <summary>True when an attribute other than these was given.</summary>
    public bool HasOther(params ReadOnlySpan<string> names)
    {
        foreach (var (key, value) in map)
        {
            if (value is not null && !names.Contains(NameOf(key)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>True when one of these was given.</summary>
    public bool HasAny(IEnumerable<string> names) => names.Any(name => map[name] is not null || map[new Symbol(name)] is not null);

    /// <summary>A text, or null when it is absent.</summary>
    public string? Text(string name) => Take(name) switch
    {
        null => null,
        string text => text,
        Symbol symbol => symbol.Value,
        var other => throw Wrong(name, "a string", other),
    };

    /// <summary>A value of any type, or null when it is absent.</summary>
    public object? Any(string name) => Take(name);

    /// <summary>Yes or no; null when it is absent. JMS tools that only have texts may say "true" or "false".</summary>
    public bool? Flag(string name) => Take(name) switch
    {
        null => null,
        bool flag => flag,
        "true" => true,
        "false" => false,
        var other => throw Wrong(name, "a boolean", other),
    };

    /// <summary>A whole number from 0 on, or null when it is absent.</summary>
    public long? Number(string name, long max = long.MaxValue)
    {
        var value = Take(name);
        return value is null ? null
            : Whole.Read(value) is { } number and >= 0 && number <= max ? number
            : throw Wrong(name, $"a whole number from 0 to {max}", value);
    }

    /// <summary>One of some words, as its position among them; null when it is absent.</summary>
    public int? Choice(string name, string[] words)
    {
        var text = Text(name);
        var at = text is null ? -1 : Array.IndexOf(words, text);
        return text is null ? null
            : at >= 0 ? at
            : throw ManagementException.Bad($"The attribute '{name}' must be one of {string.Join(", ", words)}; it is '{text}'.");
    }

    /// <summary>A number with or without a fraction, or null when it is absent.</summary>
    public double? Real(string name, double min, double max)
    {
        var value = Take(name);
        double? number = value switch
        {
            null => null,
            double real => real,
            float real => real,
            _ => Whole.Read(value) ?? throw Wrong(name, "a number", value),
        };
        return number is null || (number >= min && number <= max) ? number : throw Wrong(name, $"a number from {min} to {max}", value!);
    }

    /// <summary>Attributes that cannot be changed may be given with the value they have, as by a client that sends back what it read.</summary>
    public void MustBe(AmqpMap current, params IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            var given = Take(name);
            if (given is not null && !string.Equals(AmqpValue.ToString(given), AmqpValue.ToString(current[name]!), StringComparison.Ordinal))
            {
                throw ManagementException.Bad($"The attribute '{name}' cannot be changed; make another entity, or leave it out.");
            }
        }
    }

    /// <summary>Attributes that change by themselves are passed over.</summary>
    public void Ignore(params IEnumerable<string> names)
    {
        foreach (var name in names)
        {
            _known.Add(name);
        }
    }

    /// <summary>An attribute that may be given back as it is, but not be given another value.</summary>
    public void MustBe(string name, string value)
    {
        if (Text(name) is { } given && !string.Equals(given, value, StringComparison.Ordinal))
        {
            throw ManagementException.Bad($"The attribute '{name}' is '{value}' and cannot be set to '{given}'.");
        }
    }

    /// <summary>Everything was read that has a meaning: whatever else is there is refused.</summary>
    public void RefuseOthers()
    {
        foreach (var (key, _) in map)
        {
            if (!_known.Contains(NameOf(key)))
            {
                throw ManagementException.Bad(
                    $"The attribute '{NameOf(key)}' cannot be set here; these can: {string.Join(", ", _known.Order(StringComparer.Ordinal))}.");
            }
        }
    }

    private static string NameOf(object key) => key is Symbol symbol ? symbol.Value : key as string ?? AmqpValue.ToString(key);

    private static ManagementException Wrong(string name, string expected, object value) =>
        ManagementException.Bad($"The attribute '{name}' must be {expected}; it is {AmqpValue.ToString(value)}.");

    private object? Take(string name)
    {
        _known.Add(name);
        return map[name] ?? map[new Symbol(name)];
    }
}
