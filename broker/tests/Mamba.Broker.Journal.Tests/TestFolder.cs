namespace Mamba.Broker.Journal.Tests;

/// <summary>A folder of its own on the real disk, removed afterwards.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("mamba-journal-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
