using System.Diagnostics;
using Mamba.Amqp.Messaging;
using Mamba.Amqp.Types;
using Mamba.Broker.Selectors;

namespace Mamba.Tools.SelectorFuzz;

/// <summary>One thing to measure.</summary>
/// <param name="Name">What it is, or the expression itself.</param>
/// <param name="Selector">The compiled expression.</param>
/// <param name="Message">The message it is evaluated over.</param>
public sealed record TimingCase(string Name, Selector Selector, MessageFacts Message);

/// <summary>Time and allocation per evaluation: of typical selectors (at most 1 µs), and of the worst that the limits allow (at most 50 µs).</summary>
public static class Timing
{
    private const double TypicalLimit = 1_000;
    private const double WorstLimit = 50_000;

    /// <summary>Measures all cases and prints them; false when one passes its limit or allocates.</summary>
    public static bool Run(TextWriter output)
    {
        var (typical, worst) = (TypicalCases(), WorstCases.All());
        WarmUp([.. typical, .. worst]);
        var holds = Print(output, "typical", typical, TypicalLimit);
        return Print(output, "worst", worst, WorstLimit) && holds;
    }

    /// <summary>Bytes allocated by so many evaluations of a case.</summary>
    public static long Allocated(TimingCase one, int evaluations)
    {
        Repeat(one, 100);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Repeat(one, evaluations);
        return GC.GetAllocatedBytesForCurrentThread() - before;
    }

    /// <summary>Ten selectors as applications write them, over a message with ten properties.</summary>
    public static IReadOnlyList<TimingCase> TypicalCases()
    {
        var message = TypicalMessage();
        string[] selectors =
        [
            "color = 'red'",
            "color = 'red' AND price > 10",
            "JMSType = 'order.created'",
            "JMSPriority > 4",
            "region IN ('EMEA', 'AMER', 'APAC')",
            "customer LIKE 'C-00%'",
            "note LIKE '%urgent%' OR JMSPriority = 9",
            "price BETWEEN 5 AND 50.5 AND NOT cancelled",
            "quantity * price > 100 AND currency = 'EUR' AND region <> 'AMER'",
            "JMSCorrelationID = 'order-4711' AND (shipped IS NULL OR shipped = FALSE)",
        ];
        return [.. selectors.Select(s => new TimingCase(s, Selector.Parse(s), message))];
    }

    private static MessageFacts TypicalMessage()
    {
        var message = new AmqpMessage
        {
            Properties = new MessageProperties
            {
                MessageId = "ID:4f7a1c52-1f0e-4b7c-9d0e-0b1a2c3d4e5f:1:1:1-1", To = "orders", Subject = "order.created", CorrelationId = "order-4711",
                CreationTime = new Timestamp(1_790_000_000_000),
            },
            ApplicationProperties = new AmqpMap
            {
                { "customer", "C-004711" }, { "region", "EMEA" }, { "currency", "EUR" }, { "color", "red" }, { "price", 19.99 }, { "quantity", 7 },
                { "cancelled", false }, { "note", "please deliver in the morning, it is urgent" }, { "channel", "web" }, { "shop", 12L },
            },
            Body = new DataBody(new byte[1024]),
        };
        return new MessageFacts(message.Encode(), 0, message);
    }

    /// <summary>Until the last tier of compilation is in force.</summary>
    private static void WarmUp(IReadOnlyList<TimingCase> cases)
    {
        for (var clock = Stopwatch.StartNew(); clock.Elapsed < TimeSpan.FromSeconds(4);)
        {
            foreach (var one in cases)
            {
                Repeat(one, 20);
            }
        }
    }

    private static bool Print(TextWriter output, string kind, IReadOnlyList<TimingCase> cases, double limit)
    {
        output.WriteLine($"{kind} (limit {limit:N0} ns)");
        var holds = true;
        foreach (var one in cases)
        {
            var (nanoseconds, allocated) = (Measure(one), Allocated(one, 1000));
            var isGood = nanoseconds <= limit && allocated == 0;
            holds &= isGood;
            output.WriteLine($"  {nanoseconds,9:N0} ns {allocated / 1000.0,5:N0} B  {(isGood ? "" : "TOO MUCH ")}{one.Name}");
        }

        return holds;
    }

    /// <summary>The best of several runs: what the machine does beside it makes a run longer, never shorter.</summary>
    private static double Measure(TimingCase one)
    {
        var evaluations = 1;
        while (Time(one, evaluations) < 5_000_000 && evaluations < 1 << 22)
        {
            evaluations *= 2;
        }

        return Enumerable.Range(0, 25).Min(_ => Time(one, evaluations)) / evaluations;
    }

    private static double Time(TimingCase one, int evaluations)
    {
        var begun = Stopwatch.GetTimestamp();
        Repeat(one, evaluations);
        return Stopwatch.GetElapsedTime(begun).TotalNanoseconds;
    }

    private static void Repeat(TimingCase one, int evaluations)
    {
        var input = one.Message.Input;
        for (var i = 0; i < evaluations; i++)
        {
            one.Selector.Matches(input);
        }
    }
}
