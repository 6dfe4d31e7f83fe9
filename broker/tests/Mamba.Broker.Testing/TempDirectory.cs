namespace Mamba.Broker.Testing;

/// <summary>An empty folder of its own, removed with all it holds when disposed.</summary>
public sealed class TempDirectory : IDisposable
{
    public string FullPath { get; } = Directory.CreateTempSubdirectory("mamba-test-").FullName;

    /// <summary>A path inside the folder.</summary>
    public string this[string name] => Path.Combine(FullPath, name);

    public void Dispose() => Directory.Delete(FullPath, recursive: true);
}
