using System.Buffers.Binary;
using System.Text;

namespace Mamba.Broker.Testing.Hostile;

/// <summary>Puts wire bytes together by hand, also such as no encoder would write.</summary>
public static class Wire
{
    public static readonly byte[] Null = [0x40];

    public static byte[] Cat(params byte[][] parts) => [.. parts.SelectMany(static p => p)];

    public static byte[] Repeat(byte[] part, int times) => Cat([.. Enumerable.Repeat(part, times)]);

    public static byte[] U32(uint value)
    {
        var bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    /// <summary>A format code with a size of four bytes and no contents.</summary>
    public static byte[] Sized(byte code, uint size) => Cat([code], U32(size));

    /// <summary>A list32, map32 or array32 with the true size, and whatever count.</summary>
    public static byte[] Compound(byte code, uint count, params byte[][] items)
    {
        var contents = Cat(items);
        return Cat([code], U32((uint)contents.Length + 4), U32(count), contents);
    }

    public static byte[] List(params byte[][] items) => items.Length == 0 ? [0x45] : Compound(0xd0, (uint)items.Length, items);

    public static byte[] Map(params byte[][] items) => Compound(0xd1, (uint)items.Length, items);

    public static byte[] Array(uint count, byte[] constructor, params byte[][] elements) => Compound(0xf0, count, [constructor, .. elements]);

    public static byte[] Text(string value) => Bytes(0xb1, Encoding.UTF8.GetBytes(value));

    public static byte[] Symbol(string value) => Bytes(0xb3, Encoding.Latin1.GetBytes(value));

    public static byte[] Binary(int length) => Bytes(0xb0, new byte[length]);

    public static byte[] Bytes(byte code, params byte[] contents) => Cat([code], U32((uint)contents.Length), contents);

    public static byte[] Described(byte code, byte[] value) => Cat([0x00, 0x53, code], value);

    public static byte[] Frame(byte[] body, byte type = 0, ushort channel = 0) =>
        Cat(U32((uint)body.Length + 8), [2, type, (byte)(channel >> 8), (byte)channel], body);

    public static byte[] Header(uint size, byte dataOffset) => Cat(U32(size), [dataOffset, 0, 0, 0]);

    /// <summary>A value inside as many others as asked for; each level is made by a function.</summary>
    public static byte[] Nest(int depth, byte[] innermost, Func<byte[], byte[]> level)
    {
        var value = innermost;
        for (var i = 0; i < depth; i++)
        {
            value = level(value);
        }

        return value;
    }
}
