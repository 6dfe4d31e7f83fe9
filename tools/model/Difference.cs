namespace Mamba.Tools.Model;

/// <summary>The broker did what the model does not allow, or not what it demands. The text says which.</summary>
internal sealed class Difference : Exception
{
    public Difference()
    {
    }

    public Difference(string message)
        : base(message)
    {
    }

    public Difference(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
