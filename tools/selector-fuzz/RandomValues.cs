namespace Mamba.Tools.SelectorFuzz;

/// <summary>The few values that expressions and messages are made of, so that they meet often, with the edges among them.</summary>
public static class RandomValues
{
    /// <summary>Names of application properties: short ones, long ones, ones that need delimiters.</summary>
    public static readonly string[] Names =
        ["a", "b", "c", "price", "color", "$x_1", "größe", "order-status", "two words", "a.b", "quantityOfThingsThatWereOrderedByTheCustomerLastYear", "n"];

    /// <summary>What DATE() makes a time of.</summary>
    public const string Date = "2024-02-29";
    public const string Time = "2024-02-29T12:30:00.25Z";

    private static readonly long[] Longs =
        [0, 1, -1, 2, 3, 4, 5, 7, 10, 100, 255, 256, -128, 32767, 65536, int.MaxValue, int.MinValue, uint.MaxValue, 1L << 53, (1L << 53) + 1, long.MaxValue, long.MinValue];

    private static readonly double[] Doubles =
        [0, -0.0, 1, 2.5, -2.5, 3, 0.1, 1.1, 4, 1e10, 1e-10, 1.7976931348623157e308, 5e-324, 9007199254740992, 9.2233720368547758e18];

    private static readonly string[] Texts =
        ["", "a", "b", "ab", "ba", "aab", "red", "blue", "Bob", "it's", "é", "aé", "日本", "😀", "a😀b", "x_y", "50%", "PERSISTENT", "NON_PERSISTENT", "ID:1", "ID:AMQP_ULONG:1", "text/plain", "ÄÖ", "straße", Date, Time];

    public static long Long(Random random) => random.Next(4) == 0 ? random.NextInt64(long.MinValue, long.MaxValue) >> random.Next(64) : Longs[random.Next(Longs.Length)];

    public static double Double(Random random) => random.Next(4) == 0 ? (random.NextDouble() - 0.5) * Math.Pow(10, random.Next(-8, 9)) : Doubles[random.Next(Doubles.Length)];

    public static string Text(Random random) => random.Next(4) switch
    {
        0 => string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => random.Next(5) switch { 0 => "a", 1 => "b", 2 => "é", 3 => "😀", _ => "c" })),
        _ => Texts[random.Next(Texts.Length)],
    };
}
