"""The node's logic. Each program is a generator of effects and reads like the requirement it implements."""
