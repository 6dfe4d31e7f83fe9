using System.Reflection;

namespace Mamba.Amqp.Conformance.Running;

/// <summary>Marks a case: a static method <c>Task Name(CaseContext c)</c>.</summary>
/// <param name="id">Stable and unique, e.g. "FRAME-03".</param>
/// <param name="section">The section of the specification, or of another document, that it is about.</param>
/// <param name="title">What the broker is expected to do, as a sentence.</param>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CaseAttribute(string id, string section, string title) : Attribute
{
    public string Id => id;

    public string Section => section;

    public string Title => title;

    /// <summary>The statements of the specification that the case shows, separated by blanks.</summary>
    public string Covers { get; init; } = "";

    /// <summary>The interop traps that the case shows, by number, separated by blanks.</summary>
    public string Traps { get; init; } = "";
}

/// <summary>Marks a static method that makes a family of like cases: <c>IEnumerable&lt;ConformanceCase&gt; Name()</c>.</summary>
[AttributeUsage(AttributeTargets.Method)]
public sealed class CaseFamilyAttribute : Attribute;

/// <summary>One case of the suite.</summary>
public sealed record ConformanceCase(
    string Id, string Group, string Section, string Title, IReadOnlyList<string> Covers, IReadOnlyList<int> Traps, Func<CaseContext, Task> Run)
{
    private static readonly Lazy<IReadOnlyList<ConformanceCase>> Everything = new(Discover);

    /// <summary>Every case, in the order of groups and ids.</summary>
    public static IReadOnlyList<ConformanceCase> All => Everything.Value;

    /// <summary>A member of a family; the group is the folder (last part of the namespace) of the type given.</summary>
    public static ConformanceCase Of(Type owner, string id, string section, string title, string covers, Func<CaseContext, Task> run) =>
        new(id, GroupOf(owner), section, title, Words(covers), [], run);

    public override string ToString() => Id;

    private static List<ConformanceCase> Discover()
    {
        List<ConformanceCase> cases = [];
        foreach (var type in typeof(ConformanceCase).Assembly.GetTypes())
        {
            foreach (var method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.DeclaredOnly))
            {
                if (method.GetCustomAttribute<CaseAttribute>() is { } mark)
                {
                    cases.Add(FromMethod(mark, type, method));
                }
                else if (method.GetCustomAttribute<CaseFamilyAttribute>() is not null)
                {
                    cases.AddRange((IEnumerable<ConformanceCase>)method.Invoke(null, null)!);
                }
            }
        }

        return [.. cases.OrderBy(static c => Array.IndexOf(Groups, c.Group)).ThenBy(static c => c.Id, StringComparer.Ordinal)];
    }

    /// <summary>The parts of the suite, in the order of the report.</summary>
    public static string[] Groups { get; } =
        ["Types", "Transport", "Messaging", "Transactions", "Security", "WebSocket", "Filters", "Management", "Jms", "Traps"];

    private static ConformanceCase FromMethod(CaseAttribute mark, Type type, MethodInfo method) => new(
        mark.Id,
        GroupOf(type),
        mark.Section,
        mark.Title,
        Words(mark.Covers),
        [.. Words(mark.Traps).Select(int.Parse)],
        method.CreateDelegate<Func<CaseContext, Task>>());

    private static string GroupOf(Type type) => type.Namespace!.Split('.')[^1];

    private static string[] Words(string text) => text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
