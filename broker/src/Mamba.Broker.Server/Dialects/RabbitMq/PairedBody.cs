using Mamba.Amqp.Types;
using Mamba.Broker.Server.Management;

namespace Mamba.Broker.Server.Dialects.RabbitMq;

/// <summary>The map in a request's body, read field by field and at the end checked for fields nobody asked for.</summary>
/// <param name="what">What the fields belong to, for texts.</param>
/// <param name="value">The value of the body.</param>
internal sealed class PairedBody(string what, object? value)
{
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly AmqpMap _map = value as AmqpMap ?? throw PairedException.Bad($"the body must be an amqp-value with a map of the {what}");

    /// <exception cref="PairedException">400: it is no boolean.</exception>
    public bool Flag(string name, bool otherwise) => Take(name) switch
    {
        null => otherwise,
        bool flag => flag,
        var other => throw Wrong(name, "a boolean", other),
    };

    /// <exception cref="PairedException">400: it is no string.</exception>
    public string? Text(string name) => Take(name) switch
    {
        null => null,
        string text => text,
        var other => throw Wrong(name, "a string", other),
    };

    /// <summary>A map by names, empty when absent; the names may be strings or symbols.</summary>
    /// <exception cref="PairedException">400: it is no map, or has other keys.</exception>
    public AmqpMap Map(string name)
    {
        var result = new AmqpMap();
        foreach (var (key, value) in Take(name) switch { null => [], AmqpMap map => map, var other => throw Wrong(name, "a map", other) })
        {
            if (value is not null)
            {
                result[NameOf(key) ?? throw PairedException.Bad($"the names in '{name}' must be strings; there is {AmqpValue.ToString(key)}")] = value;
            }
        }

        return result;
    }

    /// <summary>Everything was read that has a meaning.</summary>
    /// <exception cref="PairedException">400: there is more.</exception>
    public void RefuseOthers()
    {
        foreach (var (key, _) in _map)
        {
            if (NameOf(key) is not { } name || !_known.Contains(name))
            {
                throw PairedException.Bad($"bad {what} property {AmqpValue.ToString(key)}: it is none of {string.Join(", ", _known.Order(StringComparer.Ordinal))}");
            }
        }
    }

    private object? Take(string name)
    {
        _known.Add(name);
        return _map[name] ?? _map[new Symbol(name)];
    }

    private PairedException Wrong(string name, string wanted, object given) =>
        PairedException.Bad($"bad {what} property '{name}': it must be {wanted} and is {AmqpValue.ToString(given)}");

    private static string? NameOf(object? key) => key switch { string text => text, Symbol symbol => symbol.Value, _ => null };
}
