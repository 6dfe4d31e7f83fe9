namespace Mamba.Broker.Engine;

/// <summary>A rule with its pattern and selector compiled. Thread-safe.</summary>
internal sealed class Divert(DivertOptions options, IMessageFilter? filter, bool isConfigured)
{
    private readonly AddressPattern _pattern = new(options.Pattern);
    private long _diverted;

    public DivertOptions Options => options;

    public bool IsConfigured => isConfigured;

    public DivertStatus Status => new(options, isConfigured, Interlocked.Read(ref _diverted));

    public bool AppliesTo(string address) => !string.Equals(address, options.Target, StringComparison.Ordinal) && _pattern.Matches(address);

    public bool Selects(StoredMessage message) => filter is null || filter.Matches(message, deliveryCount: 0);

    public void Count() => Interlocked.Increment(ref _diverted);
}
