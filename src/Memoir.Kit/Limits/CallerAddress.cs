using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;

namespace Memoir.Kit.Limits;

/// <summary>Who calls, as far as the network tells: an IPv4 address, or the /64 of an IPv6 one, of which whoever has one has them all.</summary>
public static class CallerAddress
{
    /// <summary>Callers without an address: those of a socket that is no network's.</summary>
    public const string None = "none";

    public static string Of(HttpContext http) => http.Connection.RemoteIpAddress is { } address ? Of(address) : None;

    public static string Of(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
        {
            return address.MapToIPv4().ToString();
        }

        if (address.AddressFamily is not AddressFamily.InterNetworkV6)
        {
            return address.ToString();
        }

        Span<byte> bytes = stackalloc byte[16];
        address.TryWriteBytes(bytes, out _);
        bytes[8..].Clear();
        return new IPAddress(bytes).ToString();
    }
}
