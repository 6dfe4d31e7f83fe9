namespace Mamba.Broker.Engine;

/// <summary>
/// How an exchange and a routing key are written as an address: <c>/exchanges/NAME/KEY</c>, or <c>/exchanges/NAME</c> for the empty key,
/// both percent-encoded.
/// </summary>
public static class ExchangeAddress
{
    public const string Prefix = "/exchanges/";

    public static string Format(string exchange, string key) =>
        key.Length == 0 ? Prefix + PercentText.Encode(exchange) : $"{Prefix}{PercentText.Encode(exchange)}/{PercentText.Encode(key)}";

    /// <summary>Exchange and key, or null when it is no such address.</summary>
    public static (string Exchange, string Key)? Parse(string address)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (!address.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return null;
        }

        var parts = address[Prefix.Length..].Split('/');
        return parts.Length <= 2 && PercentText.Decode(parts[0]) is { Length: > 0 } exchange
            && PercentText.Decode(parts.Length == 2 ? parts[1] : string.Empty) is { } key
            ? (exchange, key)
            : null;
    }
}
