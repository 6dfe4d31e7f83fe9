using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// The operations that make or end exchanges and bindings. Strings as in <see cref="DefinitionOperation"/>; little-endian.
/// <code>
///   | 16 | flags u8 | type u8 | name |                                        an exchange
///     flags   | 1 it is gone, and all bindings from it and to it; 2 it is deleted with its last binding; 4 it is internal
///   | 17 | flags u8 | exchange | destination | key | filter |                a binding
///     flags   | 1 it is gone, 2 to an exchange
/// </code>
/// A snapshot ends all before it, and is followed by those there are.
/// </summary>
internal static class ExchangeOperation
{
    private const byte Gone = 1;
    private const byte AutoDelete = 2;
    private const byte Internal = 4;
    private const byte ToExchange = 2;

    public static void Write(JournalBatch batch, ExchangeOptions exchange, bool gone)
    {
        DefinitionOperation.WriteByte(batch, (byte)OperationKind.Exchange);
        DefinitionOperation.WriteByte(batch, (byte)((gone ? Gone : 0) | (exchange.AutoDelete ? AutoDelete : 0) | (exchange.Internal ? Internal : 0)));
        DefinitionOperation.WriteByte(batch, (byte)exchange.Type);
        DefinitionOperation.WriteString(batch, exchange.Name);
    }

    public static void Write(JournalBatch batch, BindingOptions binding, bool gone)
    {
        DefinitionOperation.WriteByte(batch, (byte)OperationKind.Binding);
        DefinitionOperation.WriteByte(batch, (byte)((gone ? Gone : 0) | (binding.ToExchange ? ToExchange : 0)));
        DefinitionOperation.WriteString(batch, binding.Exchange);
        DefinitionOperation.WriteString(batch, binding.Destination);
        DefinitionOperation.WriteString(batch, binding.Key);
        DefinitionOperation.WriteBytes(batch, binding.Filter.Span);
    }

    /// <summary>Reads an exchange, and moves the span on.</summary>
    public static void ReadExchange(ref ReadOnlySpan<byte> rest, RecoveredExchanges into)
    {
        var flags = rest[1];
        var type = (ExchangeType)rest[2];
        rest = rest[3..];
        var name = DefinitionOperation.ReadString(ref rest) ?? string.Empty;
        if ((flags & Gone) != 0)
        {
            into.Exchanges.Remove(name);
            into.Bindings.RemoveWhere(binding => binding.Exchange == name || (binding.ToExchange && binding.Destination == name));
        }
        else
        {
            into.Exchanges[name] = new ExchangeOptions(name, type) { AutoDelete = (flags & AutoDelete) != 0, Internal = (flags & Internal) != 0 };
        }
    }

    /// <summary>Reads a binding, and moves the span on.</summary>
    public static void ReadBinding(ref ReadOnlySpan<byte> rest, RecoveredExchanges into)
    {
        var flags = rest[1];
        rest = rest[2..];
        var exchange = DefinitionOperation.ReadString(ref rest) ?? string.Empty;
        var destination = DefinitionOperation.ReadString(ref rest) ?? string.Empty;
        var key = DefinitionOperation.ReadString(ref rest) ?? string.Empty;
        var binding = new BindingOptions(exchange, destination, (flags & ToExchange) != 0, key) { Filter = DefinitionOperation.ReadBytes(ref rest) };
        if ((flags & Gone) != 0)
        {
            into.Bindings.Remove(binding);
        }
        else
        {
            into.Bindings.Add(binding);
        }
    }
}

/// <summary>The exchanges and bindings that recovery found.</summary>
internal sealed class RecoveredExchanges
{
    public Dictionary<string, ExchangeOptions> Exchanges { get; } = new(StringComparer.Ordinal);

    public HashSet<BindingOptions> Bindings { get; } = [];

    public void Clear()
    {
        Exchanges.Clear();
        Bindings.Clear();
    }
}
