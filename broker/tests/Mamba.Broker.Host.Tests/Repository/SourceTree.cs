using Tree = Mamba.Broker.Testing.Repository;

namespace Mamba.Broker.Host.Tests.Repository;

/// <summary>The files of the source tree, without what is built or installed.</summary>
internal static class SourceTree
{
    private static readonly string[] Folders = ["broker", "clients", "conformance-tests", "tools"];
    private static readonly string[] NotOurs = ["bin", "obj", "node_modules", ".spec", ".venv"];

    public static IEnumerable<string> Files(string pattern) => Folders
        .Select(f => Path.Combine(Tree.Root, f))
        .Where(Directory.Exists)
        .SelectMany(f => Directory.EnumerateFiles(f, pattern, SearchOption.AllDirectories))
        .Where(f => !Path.GetRelativePath(Tree.Root, f).Split('/').Any(part => NotOurs.Contains(part, StringComparer.Ordinal)))
        .Order(StringComparer.Ordinal);

    public static IEnumerable<string> SourceFiles => Files("*.cs");

    public static string Relative(string path) => Path.GetRelativePath(Tree.Root, path);
}
