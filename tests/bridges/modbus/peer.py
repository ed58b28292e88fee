"""A Modbus server by pymodbus, as a program: it prints its ports, of TCP and of RTU over TCP, and serves for ever."""

from __future__ import annotations

import asyncio

from pymodbus import FramerType
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice


def device() -> SimDevice:
    """Coils, discrete inputs, holding and input registers."""
    return SimDevice(
        id=1,
        simdata=(
            [SimData(0, values=[False] * 32, datatype=DataType.BITS)],
            [SimData(0, values=[True, False, True] + [False] * 13, datatype=DataType.BITS)],
            [SimData(0, values=[0] * 100, datatype=DataType.REGISTERS)],
            [SimData(0, values=[0x4366, 0, 0xFF38, 0x1234], datatype=DataType.REGISTERS)],
        ),
    )


async def main() -> None:
    for framer in (FramerType.SOCKET, FramerType.RTU):
        server = ModbusTcpServer(device(), framer=framer, address=("127.0.0.1", 0))
        await server.serve_forever(background=True)
        print(server.transport.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
