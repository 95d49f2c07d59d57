"""One machine of a Ray cluster on loopback, as a process: `python ray_node.py --port N [--head]`.

`ray start` asks the machine for its own address and listens there; a test's cluster is to stay on
127.0.0.1. Lives until its standard input ends; killed, with its children, it is a dead machine.
"""

from __future__ import annotations

import argparse
import sys

import ray._private.node
import ray._private.parameter


def main() -> None:
    """Start the node, say so, wait."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", required=True)
    parser.add_argument("--cpus", type=int, default=1)
    parser.add_argument("--head", action="store_true")
    args = parser.parse_args()
    settings = {
        "node_ip_address": "127.0.0.1",
        "num_cpus": args.cpus,
        "num_gpus": 0,
        "object_store_memory": 80 * 2**20,
        "min_worker_port": 0,
        "max_worker_port": 0,
        "include_dashboard": False,
        "include_log_monitor": False,
        "temp_dir": args.folder,
    }
    if args.head:
        settings["gcs_server_port"] = args.port
    else:
        settings["gcs_address"] = f"127.0.0.1:{args.port}"
    ray._private.node.Node(
        ray._private.parameter.RayParams(**settings),
        head=args.head,
        shutdown_at_exit=True,
        spawn_reaper=True,
    )
    sys.stdout.write("up\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
