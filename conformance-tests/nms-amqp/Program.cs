using Mamba.NmsAmqp.Cases;

// [URI [PREFIX]]: without a URI the broker is expected on this machine; a prefix chooses the cases whose names begin so.
// The exit code is the number of failures.
var broker = new Broker(args.Length > 0 ? args[0] : "amqp://127.0.0.1:5672");
var prefix = args.Length > 1 ? args[1] : "";
Case[] all =
[
    .. BodyCases.All, .. AcknowledgementCases.All, .. TransactionCases.All, .. SelectorCases.All,
    .. SubscriptionCases.All, .. TemporaryCases.All, .. DeliveryCases.All, .. GroupCases.All,
];
var chosen = all.Where(one => one.Name.StartsWith(prefix, StringComparison.Ordinal)).ToList();
if (chosen.Count == 0)
{
    Console.Error.WriteLine($"no case begins with '{prefix}'; the names are {string.Join(", ", all.Select(static one => one.Name))}");
    return 1;
}

var failed = 0;
foreach (var one in chosen)
{
    failed += await Runner.PassesAsync(one, broker) ? 0 : 1;
}

Console.WriteLine($"{chosen.Count - failed} passed, {failed} failed");
return failed;
