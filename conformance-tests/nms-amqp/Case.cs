namespace Mamba.NmsAmqp.Cases;

/// <summary>One case: a name to find it by, and what it does with a broker. A case that ends without an exception has passed.</summary>
internal sealed record Case(string Name, Action<Broker> Body);
