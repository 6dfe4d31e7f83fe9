using System.Buffers.Binary;
using Mamba.Broker.Journal;

namespace Mamba.Broker.Engine;

/// <summary>
/// The operation that makes or ends a divert. Strings as in <see cref="DefinitionOperation"/>; little-endian.
/// <code>
///   | 13 | flags u8 | priority i32 | target kind u8 | name | pattern | target | selector |
///     flags   | 1 it is gone, 2 it moves messages
/// </code>
/// The last one of a name holds. A snapshot ends all before it, and is followed by those there are.
/// </summary>
internal static class DivertOperation
{
    private const byte Gone = 1;
    private const byte Moves = 2;

    public static void Write(JournalBatch batch, DivertOptions divert, bool gone)
    {
        DefinitionOperation.WriteByte(batch, (byte)OperationKind.Divert);
        DefinitionOperation.WriteByte(batch, (byte)((gone ? Gone : 0) | (divert.Move ? Moves : 0)));
        DefinitionOperation.WriteUInt32(batch, unchecked((uint)divert.Priority));
        DefinitionOperation.WriteByte(batch, (byte)divert.TargetKind);
        DefinitionOperation.WriteString(batch, divert.Name);
        DefinitionOperation.WriteString(batch, divert.Pattern);
        DefinitionOperation.WriteString(batch, divert.Target);
        DefinitionOperation.WriteString(batch, divert.Selector);
    }

    /// <summary>Reads the operation, and moves the span on.</summary>
    public static void Read(ref ReadOnlySpan<byte> rest, Dictionary<string, DivertOptions> into)
    {
        var flags = rest[1];
        var priority = BinaryPrimitives.ReadInt32LittleEndian(rest[2..]);
        rest = rest[6..];
        var kind = (NodeKind)DefinitionOperation.ReadByte(ref rest);
        var divert = new DivertOptions
        {
            Name = DefinitionOperation.ReadString(ref rest) ?? string.Empty,
            Pattern = DefinitionOperation.ReadString(ref rest) ?? string.Empty,
            Target = DefinitionOperation.ReadString(ref rest) ?? string.Empty,
            Selector = DefinitionOperation.ReadString(ref rest),
            TargetKind = kind,
            Move = (flags & Moves) != 0,
            Priority = priority,
        };
        if ((flags & Gone) != 0)
        {
            into.Remove(divert.Name);
        }
        else
        {
            into[divert.Name] = divert;
        }
    }
}
