"""What the measurements share: servers side by side on one core, their clients on another.

stage    what every script begins with
process  what is started, what it costs, and its end
origin   the nginx behind every server, and what its pages hold
client   asks for many URLs and checks every byte
load     wrk and h2load, whose answers are believed only where nothing failed
server   what every server has in common; beside it a file for each: tidegate, nginx, haproxy,
         varnish, ats
scenario what is asked of them, and the targets
prepare  makes a server ready for that, and proves it
measure  one figure, with every reason not to believe it
table    medians, spreads and ratios
kept     connections that are held open
"""
